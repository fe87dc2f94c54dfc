/** Keys of Solana accounts, by the browser's own WebCrypto. */
import { base58 } from '@scure/base'

/** A key that signs texts as the wallet-signed family takes them. */
export interface Key {
  address: string
  /** @returns base58 of 64 bytes */
  sign(text: string): Promise<string>
}

/** What stands before the 32 bytes of a seed in PKCS #8. */
const PKCS8_HEAD = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32]

/** @throws DOMException where the browser is too old to know Ed25519 */
export async function keyOf(seed: Uint8Array): Promise<Key> {
  const encoded = new Uint8Array([...PKCS8_HEAD, ...seed])
  const key = await crypto.subtle.importKey('pkcs8', encoded, { name: 'Ed25519' }, true, ['sign'])
  const { x = '' } = await crypto.subtle.exportKey('jwk', key)
  return {
    address: base58.encode(fromBase64Url(x)),
    sign: async (text) =>
      base58.encode(new Uint8Array(await crypto.subtle.sign('Ed25519', key, new TextEncoder().encode(text)))),
  }
}

const fromBase64Url = (text: string): Uint8Array =>
  Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (char) => char.charCodeAt(0))

export const fromHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
