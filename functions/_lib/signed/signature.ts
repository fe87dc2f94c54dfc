/** A signature as it comes in a body, and whether it is over a text. */
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { decodeKeyText, decodeSignatureText, type StrictPublicKey, verifyStrict } from '../wallet/ed25519.ts'
import { envelopeLayoutSigned } from '../wallet/offchain-envelope.ts'
import {
  parsePersonalSignature,
  type PersonalSignature,
  recoverPersonalSigner,
} from '../wallet/personal-sign.ts'

export type ParsedSignature =
  | { readonly form: 'plain' | 'hardware'; readonly bytes: Uint8Array }
  | { readonly form: 'personal_sign'; readonly signature: PersonalSignature }
export type Problem = { readonly problem: string }

const MISSHAPEN = { problem: 'expected a text, or {type, value} with type ed25519, raw or hardware' }

export function parseSignature(input: unknown): ParsedSignature | Problem {
  if (typeof input === 'string') return input.startsWith('0x') ? personal(input) : base58Form('plain', input)
  if (typeof input !== 'object' || input === null || Object.keys(input).length !== 2) return MISSHAPEN
  const { type, value } = input as { type?: unknown; value?: unknown }
  if (typeof value !== 'string') return MISSHAPEN
  if (type === 'hardware') return base58Form('hardware', value)
  if (type === 'raw' && value.startsWith('0x')) return personal(value)
  return type === 'ed25519' || type === 'raw' ? base58Form('plain', value) : MISSHAPEN
}

function personal(text: string): ParsedSignature | Problem {
  const signature = parsePersonalSignature(text)
  return 'problem' in signature ? signature : { form: 'personal_sign', signature }
}

function base58Form(form: 'plain' | 'hardware', text: string): ParsedSignature | Problem {
  const bytes = decodeSignatureText(text)
  return bytes ? { form, bytes } : { problem: 'expected base58 of 64 bytes' }
}

/** The first of the candidates that was signed; the rest is not looked at. */
export async function firstSigned(
  signature: ParsedSignature,
  candidates: readonly string[],
  signer: string,
): Promise<string | null> {
  for (const text of candidates) if (await isSignedBy(signature, text, signer)) return text
  return null
}

async function isSignedBy(signature: ParsedSignature, text: string, signer: string): Promise<boolean> {
  if (signature.form === 'personal_sign') return recoverPersonalSigner(signature.signature, text) === signer
  // parseAccount has already held the key to strictPublicKey's rule.
  const key = decodeKeyText(signer) as StrictPublicKey
  if (signature.form === 'hardware') return (await envelopeLayoutSigned(signature.bytes, text, key)) !== null
  return await verifyStrict(signature.bytes, utf8ToBytes(text), key)
}
