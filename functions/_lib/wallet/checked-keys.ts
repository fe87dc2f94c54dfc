/** The Ed25519 keys this isolate has looked at lately: whether a key is a good one costs five times its signature's check. */
import { bytesToHex } from '@noble/hashes/utils.js'
import { CHECKED_KEYS_MAX } from '../limits.ts'

interface CheckedKey {
  readonly isGood: boolean
  /** The runtime's own form of a good key, made when its first signature comes. */
  native?: CryptoKey
}

const KEY_BYTES = 32

export class CheckedKeys {
  private readonly checked = new Map<string, CheckedKey>()
  private readonly isGood: (key: Uint8Array) => boolean

  constructor(isGood: (key: Uint8Array) => boolean) {
    this.isGood = isGood
  }

  has(key: Uint8Array): boolean {
    return this.find(key).isGood
  }

  /** The key for `crypto.subtle.verify`, or null for a bad one. */
  async native(key: Uint8Array): Promise<CryptoKey | null> {
    const found = this.find(key)
    if (!found.isGood) return null
    // The key itself is kept and not its promise: a promise belongs to the request that made it.
    return (found.native ??= await crypto.subtle.importKey('raw', new Uint8Array(key), 'Ed25519', false, [
      'verify',
    ]))
  }

  /** Bad keys are kept too: refusing one again and again must not cost more than taking one. */
  private find(key: Uint8Array): CheckedKey {
    if (key.length !== KEY_BYTES) return { isGood: false }
    const name = bytesToHex(key)
    const known = this.checked.get(name)
    if (known) return known
    const found = { isGood: this.isGood(key) }
    // The first key of a Map is the oldest: a flood of keys cannot fill the isolate.
    const oldest = this.checked.keys().next()
    if (this.checked.size >= CHECKED_KEYS_MAX && !oldest.done) this.checked.delete(oldest.value)
    this.checked.set(name, found)
    return found
  }
}
