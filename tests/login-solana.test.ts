import { hashTypedData } from 'viem'
import { expect, test } from 'vitest'
import { bytesToHex } from '@noble/hashes/utils.js'
import { loginHash } from '../functions/_lib/login/typed-data.ts'
import { clientOf } from './support/client.ts'
import { freshTime, newEvm, newSolana } from './support/subaccounts.ts'
import type { SignAs, SolanaWallet } from './support/wallets.ts'

const client = clientOf()
interface Nonce {
  nonce: number
  message: string

  typed_data: any
}
const nonceOf = async (address: string) => (await client.call(`/auth/nonce/${address}`)).body as Nonce
const login = async (address: string, signature: unknown, timestamp: unknown) =>
  await client.call('/auth/login', { json: { address, signature, timestamp } })
const tokenOf = async (wallet: SolanaWallet, as: SignAs = 'plain') => {
  const { message } = await nonceOf(wallet.address)
  return await login(wallet.address, await wallet.signText(message, as), JSON.parse(message).timestamp)
}

test('the message is canonical JSON of chain, domain, nonce and wallet, and asking writes nothing', async () => {
  const { address } = newSolana()
  const body = await nonceOf(address)
  const { timestamp } = JSON.parse(body.message)
  expect(body).toEqual({
    nonce: 0,
    typed_data: null,
    message: `{"data":{"chain_id":${client.manifest.chainId},"domain":"Tidegate","nonce":0,"verifying_contract":"${client.manifest.vault.toLowerCase()}","version":"1","wallet":"${address}"},"timestamp":${timestamp},"type":"login"}`,
  })
  expect(Math.abs(timestamp - Date.now() / 1000)).toBeLessThan(5)
  expect(await client.sql('select 1 from login_nonces where account = $1', [address])).toEqual([])
})

test.each(['plain', 'object', 'raw', 'legacy', 'v0', 'v1'] as const)(
  'a login signed as %s gives a token of that very account',
  async (as) => {
    const wallet = newSolana()
    await client.credit(wallet.address, 'SOL', '1.5')
    const answer = await tokenOf(wallet, as)
    expect(answer.status, answer.text).toBe(200)
    const balances = await client.call('/spot/balances', { token: answer.body.token })
    expect(balances.body.balances).toEqual([expect.objectContaining({ token: 'SOL', available: '1.5' })])
  },
)

test('a login signature is good once, however many send it at once', async () => {
  const wallet = newSolana()
  const { message } = await nonceOf(wallet.address)
  const signature = await wallet.signText(message)
  const { timestamp } = JSON.parse(message)
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => login(wallet.address, signature, timestamp)),
  )
  expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1)
  for (const answer of answers.filter((other) => other.status !== 200))
    expect([answer.status, answer.body.error]).toEqual([401, 'SIGNATURE_INVALID'])
  expect((await nonceOf(wallet.address)).nonce).toBe(1)
})

test('one change to a good login gives no token and leaves the nonce', async () => {
  const wallet = newSolana()
  const { message } = await nonceOf(wallet.address)
  const { timestamp } = JSON.parse(message)
  const good = await wallet.signText(message)
  const sign = async (from: string, to: string) => await wallet.signText(message.replace(from, to))
  const identity = '4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM'
  const misses: [unknown, unknown, unknown, number, string][] = [
    [wallet.address, good, timestamp - 1, 401, 'SIGNATURE_INVALID'],
    [newSolana().address, good, timestamp, 401, 'SIGNATURE_INVALID'],
    [wallet.address, await newSolana().signText(message), timestamp, 401, 'SIGNATURE_INVALID'],
    [wallet.address, await sign('"nonce":0', '"nonce":1'), timestamp, 401, 'SIGNATURE_INVALID'],
    [wallet.address, await sign('"chain_id":', '"chain_id":1'), timestamp, 401, 'SIGNATURE_INVALID'],
    [wallet.address, await sign('"Tidegate"', '"Elsewhere"'), timestamp, 401, 'SIGNATURE_INVALID'],
    [wallet.address, await sign('"login"', '"transfer_spot_asset"'), timestamp, 401, 'SIGNATURE_INVALID'],
    [wallet.address, await sign(',"type"', ', "type"'), timestamp, 401, 'SIGNATURE_INVALID'],
    [wallet.address, { type: 'hardware', value: good }, timestamp, 401, 'SIGNATURE_INVALID'],
    [wallet.address, { type: 'multisig', value: good }, timestamp, 400, 'INVALID_SIGNATURE_FORMAT'],
    [wallet.address, (good as string).slice(0, 40), timestamp, 400, 'INVALID_SIGNATURE_FORMAT'],
    [wallet.address, '0x' + '11'.repeat(65), timestamp, 400, 'INVALID_SIGNATURE_FORMAT'],
    [newEvm().address, good, timestamp, 400, 'INVALID_SIGNATURE_FORMAT'],
    [wallet.address, 7, timestamp, 400, 'INVALID_REQUEST'],
    [wallet.address, good, timestamp - 301, 400, 'TIMESTAMP_EXPIRED'],
    [wallet.address, good, timestamp + 400, 400, 'TIMESTAMP_EXPIRED'],
    [wallet.address.slice(3), good, timestamp, 400, 'INVALID_ADDRESS'],
    [identity, good, timestamp, 400, 'INVALID_ADDRESS'],
  ]
  for (const [address, signature, at, status, error] of misses) {
    const answer = await login(address as string, signature, at)
    expect([answer.status, answer.body.error], JSON.stringify([address, signature, at])).toEqual([
      status,
      error,
    ])
  }
  expect((await nonceOf(wallet.address)).nonce).toBe(0)
  expect((await login(wallet.address, good, timestamp)).status).toBe(200)
})

test('a wallet-signed message of the other family is no login, and a login moves nothing there', async () => {
  const wallet = newSolana()
  const body = await wallet.body('list_subaccounts', {}, { timestamp: freshTime() })
  const listed = await login(wallet.address, body.signature, Math.floor(Date.now() / 1000))
  expect([listed.status, listed.body.error]).toEqual([401, 'SIGNATURE_INVALID'])
  const { message } = await nonceOf(wallet.address)
  const used = await client.call('/account/subaccount/list', {
    json: { ...body, signature: await wallet.signText(message) },
  })
  expect(used.body.error_id).toBe('signature_verification_failed')
})

test('the EVM login digest is the one that viem makes of the typed data', () => {
  const domain = {
    name: 'Tidegate é',
    version: '1',
    chainId: 97,
    verifyingContract: '0x4fe0b354c5865ee9deb979a99030d757ae47664a',
  } as const
  const wallet = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'
  for (const [nonce, timestamp] of [
    [0, 1_760_000_000],
    [Number.MAX_SAFE_INTEGER, 1],
  ] as const) {
    const expected = hashTypedData({
      domain,
      types: {
        Login: [
          { name: 'wallet', type: 'address' },
          { name: 'nonce', type: 'uint256' },
          { name: 'timestamp', type: 'uint256' },
        ],
      },
      primaryType: 'Login',
      message: { wallet, nonce: BigInt(nonce), timestamp: BigInt(timestamp) },
    })
    expect('0x' + bytesToHex(loginHash(domain, wallet, nonce, timestamp))).toBe(expected)
  }
})

test('an EVM account still signs in with typed data, and a high s is refused', async () => {
  const { wallet, account } = await client.newAccount()
  const { typed_data, message } = await nonceOf(account)
  expect(message).toBeUndefined()
  const signature = await wallet.signTypedData(typed_data)
  const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
  const s = (N - BigInt('0x' + signature.slice(66, 130))).toString(16).padStart(64, '0')
  const high = signature.slice(0, 66) + s + (signature.endsWith('1b') ? '1c' : '1b')
  expect((await login(account, high, typed_data.message.timestamp)).body.error).toBe('SIGNATURE_INVALID')
  expect((await login(account, signature, typed_data.message.timestamp)).status).toBe(200)
})
