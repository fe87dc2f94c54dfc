/** User API keys: what one looks like, and how one is made. */

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const SECRET_BYTES = 32
// 62^43 > 2^256 > 62^42: 43 characters are what 32 bytes take, and no more.
const SECRET_CHARACTERS = 43

/** What every user API key begins with, so that a leaked one is found by scanners and told from the admin key. */
export const API_KEY_PATTERN = /^tg_[0-9A-Za-z]{43}$/

/** A new key of 256 random bits: `tg_` and the number in base 62, which a double click selects whole. */
export function newApiKey(): string {
  return apiKeyOf(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)))
}

/** The key of 32 bytes. Each value has one text and no two share one, so nothing of the randomness is lost. */
export function apiKeyOf(secret: Uint8Array): string {
  let rest = secret.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n)
  let text = ''
  while (text.length < SECRET_CHARACTERS) {
    text = ALPHABET.charAt(Number(rest % 62n)) + text
    rest /= 62n
  }
  return `tg_${text}`
}
