import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { type StrictPublicKey, verifyStrict } from './ed25519.ts'

export type EnvelopeLayout = 'legacy' | 'v0' | 'v1'

/** The layouts in the field, the most common first. Legacy and V0 share their version byte: try each. */
export const ENVELOPE_LAYOUTS: readonly EnvelopeLayout[] = ['legacy', 'v0', 'v1']

const SIGNING_DOMAIN = concatBytes(Uint8Array.of(0xff), utf8ToBytes('solana offchain'))
// Wallets that know nothing of the application leave its domain at zero.
const APPLICATION_DOMAIN = new Uint8Array(32)
const SIGNER_COUNT = Uint8Array.of(1)
// The length field has 16 bits.
const TEXT_BYTES_MAX = 0xffff

/**
 * Solana's off-chain message around a text, as a hardware wallet signs it for one signer, or null when the
 * text does not fit.
 *
 * - legacy: domain, version 0, format, length
 * - v0: domain, version 0, application domain, format, signers, length
 * - v1: domain, version 1, signers; with one signer there is nothing to sort
 */
export function offchainEnvelope(
  layout: EnvelopeLayout,
  text: string,
  signer: Uint8Array,
): Uint8Array | null {
  const body = utf8ToBytes(text)
  if (body.length > TEXT_BYTES_MAX) return null
  const format = Uint8Array.of(/^[ -~]*$/.test(text) ? 0 : 1)
  const length = Uint8Array.of(body.length & 0xff, body.length >> 8)
  switch (layout) {
    case 'legacy':
      return concatBytes(SIGNING_DOMAIN, Uint8Array.of(0), format, length, body)
    case 'v0':
      return concatBytes(
        SIGNING_DOMAIN,
        Uint8Array.of(0),
        APPLICATION_DOMAIN,
        format,
        SIGNER_COUNT,
        signer,
        length,
        body,
      )
    case 'v1':
      return concatBytes(SIGNING_DOMAIN, Uint8Array.of(1), SIGNER_COUNT, signer, body)
  }
}

/** The layout in which the signature is the signer's over the text, or null. */
export async function envelopeLayoutSigned(
  signature: Uint8Array,
  text: string,
  signer: StrictPublicKey,
): Promise<EnvelopeLayout | null> {
  for (const layout of ENVELOPE_LAYOUTS) {
    const message = offchainEnvelope(layout, text, signer)
    if (message !== null && (await verifyStrict(signature, message, signer))) return layout
  }
  return null
}
