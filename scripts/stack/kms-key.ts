import { createPublicKey, randomUUID } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { Address, Hex } from 'viem'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { hexToBytes } from 'viem/utils'
import * as z from 'zod'
import { readKept } from './manifest.ts'

const StoredKey = z.strictObject({
  keyId: z.uuid(),
  privateKey: z.templateLiteral(['0x', z.string().regex(/^[0-9a-f]{64}$/)]),
})

export type StoredKey = z.infer<typeof StoredKey>

/** Makes the key once and keeps it, so that a restart of the stack does not change the vault's signer. */
export function loadKey(keyFile: string | undefined): StoredKey {
  const fresh: StoredKey = { keyId: randomUUID(), privateKey: generatePrivateKey() }
  if (keyFile === undefined) return fresh
  mkdirSync(dirname(keyFile), { recursive: true })
  try {
    // 'wx': of two stacks starting at once one writes, and the other takes that key.
    writeFileSync(keyFile, `${JSON.stringify(fresh)}\n`, { mode: 0o600, flag: 'wx' })
    return fresh
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  chmodSync(keyFile, 0o600)
  const kept = StoredKey.safeParse(readKept(keyFile))
  if (kept.success) return kept.data
  throw new Error(
    `${keyFile} is no key of ours: \`npm run dev -- --reset\` starts clean, and forgets all local data`,
  )
}

/** One secp256k1 key as KMS would hold it: only signatures and the public half come out. */
export class KmsKey {
  readonly address: Address
  readonly #secret: Uint8Array

  constructor(privateKey: Hex) {
    this.address = privateKeyToAddress(privateKey)
    this.#secret = hexToBytes(privateKey)
  }

  /** DER, with s left as it falls and a fresh nonce each time: both are what KMS does. */
  signDigest(digest: Uint8Array): Uint8Array {
    const options = { lowS: false, prehash: false, extraEntropy: true, format: 'der' } as const
    return secp256k1.sign(digest, this.#secret, options)
  }

  /** SubjectPublicKeyInfo in DER. */
  publicKeyInfo(): Uint8Array {
    const point = secp256k1.getPublicKey(this.#secret, false)
    const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((half) =>
      Buffer.from(half).toString('base64url'),
    )
    const jwk = { kty: 'EC', crv: 'secp256k1', x: x!, y: y! }
    return createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' })
  }
}
