import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { describe, expect, test } from 'vitest'
import { clientOf } from './support/client.ts'

const api = clientOf()

const nonceOf = async (address: string) => (await api.call(`/auth/nonce/${address}`)).body
const signed = async (
  wallet: ReturnType<typeof privateKeyToAccount>,
  change: (data: any) => void = () => {},
) => {
  const { typed_data: data } = await nonceOf(wallet.address)
  change(data)
  const signature = await wallet.signTypedData(data)
  return { address: wallet.address, signature, timestamp: data.message.timestamp as number }
}
const login = async (json: object) => await api.call('/auth/login', { json })
const newWallet = () => privateKeyToAccount(generatePrivateKey())

describe('sign-in', () => {
  test('gives a token for a signed login, and the token opens the account’s own balances', async () => {
    const wallet = newWallet()
    const answer = await login(await signed(wallet))
    expect(answer.status).toBe(200)
    expect(answer.body.expires_at).toBeGreaterThan(Date.now() / 1000 + 86_000)
    await api.credit(wallet.address.toLowerCase(), 'USDT', '3')
    const balances = await api.call('/spot/balances', { token: answer.body.token })
    expect(balances.body).toEqual({ balances: [{ token: 'USDT', available: '3', frozen: '0', version: 1 }] })
  })

  test('takes an address in any case with a right checksum', async () => {
    const wallet = newWallet()
    const body = await signed(wallet)
    expect((await login({ ...body, address: wallet.address.toLowerCase() })).status).toBe(200)
  })

  test('gives one token for two parallel replays of one signature, every time', async () => {
    for (let round = 0; round < 10; round += 1) {
      const body = await signed(newWallet())
      const answers = await Promise.all(Array.from({ length: 4 }, () => login(body)))
      expect(answers.map((answer) => answer.status).sort()).toEqual([200, 401, 401, 401])
    }
  })

  test('refuses a second use of a signature, and takes the next nonce', async () => {
    const wallet = newWallet()
    const body = await signed(wallet)
    expect((await login(body)).status).toBe(200)
    const replay = await login(body)
    expect([replay.status, replay.body.error]).toEqual([401, 'SIGNATURE_INVALID'])
    expect((await login(await signed(wallet))).status).toBe(200)
  })

  test('refuses every signature a second time, also those of an account that has signed in before', async () => {
    const wallet = newWallet()
    for (const nonce of [0, 1, 2]) {
      expect((await nonceOf(wallet.address)).nonce).toBe(nonce)
      const body = await signed(wallet)
      const answers = await Promise.all(Array.from({ length: 4 }, () => login(body)))
      expect(answers.map((answer) => answer.status).sort()).toEqual([200, 401, 401, 401])
      expect((await login(body)).status).toBe(401)
    }
    // Whoever was checked before another one used up his nonce comes to the ledger with it all the same.
    for (const used of [0, 1, 2])
      expect(
        await api.sql('select ledger.sign_in($1, $2) as generation', [wallet.address.toLowerCase(), used]),
      ).toEqual([{ generation: null }])
    expect((await nonceOf(wallet.address)).nonce).toBe(3)
  })

  test('writes nothing when a nonce is asked for or a login fails, and keeps the nonce', async () => {
    const wallet = newWallet()
    for (let call = 0; call < 5; call += 1) expect((await nonceOf(wallet.address)).nonce).toBe(0)
    const body = await signed(wallet)
    await login({ ...body, timestamp: body.timestamp + 1 })
    expect(
      await api.sql('select 1 from login_nonces where account = $1', [wallet.address.toLowerCase()]),
    ).toEqual([])
    expect((await login(body)).status).toBe(200)
  })

  test.each([
    ['another wallet', (data: any) => (data.message.wallet = '0x' + '1'.repeat(40))],
    ['another nonce', (data: any) => (data.message.nonce += 1)],
    ['another chain', (data: any) => (data.domain.chainId += 1)],
    ['another contract', (data: any) => (data.domain.verifyingContract = '0x' + '2'.repeat(40))],
    ['another domain name', (data: any) => (data.domain.name = 'Other')],
    ['another version', (data: any) => (data.domain.version = '2')],
  ])('refuses a login signed over %s', async (_what, change) => {
    const body = await signed(newWallet(), change)
    const answer = await login(body)
    expect([answer.status, answer.body.error]).toEqual([401, 'SIGNATURE_INVALID'])
  })

  test.each([
    ['an address that is none', { address: '0x12' }, 400, 'INVALID_ADDRESS'],
    ['a timestamp 301 s old', { seconds: -301 }, 400, 'TIMESTAMP_EXPIRED'],
    ['a timestamp 301 s ahead', { seconds: 303 }, 400, 'TIMESTAMP_EXPIRED'],
    ['a timestamp in milliseconds', { timestamp: Date.now() }, 400, 'TIMESTAMP_EXPIRED'],
    ['a fraction of a second', { timestamp: 1.5 }, 400, 'INVALID_REQUEST'],
    ['a timestamp as text', { timestamp: '1' }, 400, 'INVALID_REQUEST'],
    ['a signature of 64 bytes', { signature: '0x' + 'ab'.repeat(64) }, 400, 'INVALID_SIGNATURE_FORMAT'],
    ['a signature without 0x', { signature: 'ab'.repeat(65) }, 400, 'INVALID_SIGNATURE_FORMAT'],
    ['a signature that recovers to nothing', { signature: '0x' + '00'.repeat(65) }, 401, 'SIGNATURE_INVALID'],
  ])('refuses %s', async (_what, change, status, code) => {
    const body = await signed(newWallet())
    const { seconds, ...fields } = { seconds: undefined, ...change }
    // By the clock of this moment: the table is made long before its rows run.
    if (seconds !== undefined) body.timestamp = Math.floor(Date.now() / 1000) + seconds
    const answer = await login({ ...body, ...fields })
    expect([answer.status, answer.body.error]).toEqual([status, code])
  })

  test('refuses a timestamp other than the one that was signed', async () => {
    const body = await signed(newWallet())
    const answer = await login({ ...body, timestamp: body.timestamp - 1 })
    expect([answer.status, answer.body.error]).toEqual([401, 'SIGNATURE_INVALID'])
  })

  test('refuses somebody else’s signature for an address', async () => {
    const [wallet, thief] = [newWallet(), newWallet()]
    const { typed_data: data } = await nonceOf(wallet.address)
    const signature = await thief.signTypedData(data)
    const answer = await login({ address: wallet.address, signature, timestamp: data.message.timestamp })
    expect([answer.status, answer.body.error]).toEqual([401, 'SIGNATURE_INVALID'])
  })
})
