import * as fc from 'fast-check'
import { bytesToHex, hashTypedData } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { describe, expect, test } from 'vitest'
import {
  LOGIN_TYPES,
  loginHash,
  loginSignedBy,
  type LoginDomain,
} from '../functions/_lib/login/typed-data.ts'
import { clientOf } from './support/client.ts'

const domain: LoginDomain = {
  name: 'Tidegate',
  version: '1',
  chainId: 97,
  verifyingContract: '0x4fe0b354c5865ee9deb979a99030d757ae47664a',
}
const typedData = (from: LoginDomain, wallet: `0x${string}`, nonce: number, timestamp: number) => ({
  domain: from,
  types: LOGIN_TYPES,
  primaryType: 'Login' as const,
  message: { wallet, nonce: BigInt(nonce), timestamp: BigInt(timestamp) },
})

describe('the digest of a login', () => {
  test('is the one viem makes, for any domain and message', () => {
    const address = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => bytesToHex(bytes))
    const whole = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        whole,
        address,
        address,
        whole,
        whole,
        (name, chainId, contract, wallet, nonce, time) => {
          const other = { name, version: `${name}.1`, chainId, verifyingContract: contract }
          expect(bytesToHex(loginHash(other, wallet, nonce, time))).toBe(
            hashTypedData(typedData(other, wallet, nonce, time)),
          )
        },
      ),
    )
  })

  test('accepts the wallet that signed, and nobody else, no other nonce, time or domain', async () => {
    const wallet = privateKeyToAccount(generatePrivateKey())
    const account = wallet.address.toLowerCase()
    const signature = await wallet.signTypedData(typedData(domain, wallet.address, 7, 1_760_000_000))
    const stranger = privateKeyToAccount(generatePrivateKey()).address.toLowerCase()
    expect(loginSignedBy(domain, account, 7, 1_760_000_000, signature)).toBe(true)
    expect(loginSignedBy(domain, stranger, 7, 1_760_000_000, signature)).toBe(false)
    expect(loginSignedBy(domain, account, 8, 1_760_000_000, signature)).toBe(false)
    expect(loginSignedBy(domain, account, 7, 1_760_000_001, signature)).toBe(false)
    expect(loginSignedBy({ ...domain, chainId: 56 }, account, 7, 1_760_000_000, signature)).toBe(false)
  })

  test('says no, and throws nothing, for a signature that is nobody’s', () => {
    for (const signature of [
      '0x',
      `0x${'00'.repeat(65)}`,
      `0x${'ff'.repeat(65)}`,
      `0x${'11'.repeat(64)}1d`,
    ]) {
      expect(loginSignedBy(domain, domain.verifyingContract, 0, 1, signature)).toBe(false)
    }
  })

  test('opens a session for a wallet that signs what the nonce endpoint shows, once', async () => {
    const client = clientOf()
    const wallet = privateKeyToAccount(generatePrivateKey())
    const { body } = await client.call(`/auth/nonce/${wallet.address}`)
    const { EIP712Domain: _domain, ...types } = body.typed_data.types
    const signature = await wallet.signTypedData({ ...body.typed_data, types })
    const login = { address: wallet.address, signature, timestamp: body.typed_data.message.timestamp }
    const first = await client.call('/auth/login', { json: login })
    expect(first.status).toBe(200)
    expect((await client.call('/spot/balances', { token: first.body.token })).status).toBe(200)
    const replay = await client.call('/auth/login', { json: login })
    expect([replay.status, replay.body.error]).toEqual([401, 'SIGNATURE_INVALID'])
  })
})
