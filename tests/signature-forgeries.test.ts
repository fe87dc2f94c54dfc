/** Forgeries that some Ed25519 verifier takes, sent to the real Workers: each must be refused and change nothing. */
import { randomBytes } from 'node:crypto'
import { base58 } from '@scure/base'
import { beforeAll, describe, expect, test } from 'vitest'
import { clientOf } from './support/client.ts'
import { IDENTITY, RUNTIME_REFUSES, RUNTIME_TAKES, twisted } from './support/ed25519-cases.ts'
import { expectRefusal, freshTime, signedCalls, SPOT } from './support/subaccounts.ts'
import { signedText, solanaWallet, type Wallet } from './support/wallets.ts'

const client = clientOf()
const { family, trace } = signedCalls(client)
const TYPE = 'transfer_spot_asset'
const secret = randomBytes(32)
const main = solanaWallet(secret)
let sub: Wallet

beforeAll(async () => {
  const wallets = [main]
  ;({ sub } = await family({ SOL: '10' }, () => wallets.pop() ?? solanaWallet(randomBytes(32))))
})

type Twist = Parameters<typeof twisted>[2]

/** A transfer that would move money, signed by our own arithmetic: honest but for the twist. */
function transfer(twist: Twist) {
  const data = { to_account: sub.address, symbol: 'SOL', amount: '1' }
  const timestamp = freshTime()
  const message = new TextEncoder().encode(signedText(TYPE, data, { timestamp }))
  const { key, signature } = twisted(secret, message, twist)
  return { account: base58.encode(key), ...data, timestamp, signature: base58.encode(signature) }
}

const { 'the identity as R': identityR, ...underBadKeys } = RUNTIME_TAKES
const underGoodKey = { ...RUNTIME_REFUSES, 'the identity as R': identityR! }

describe('a transfer moves nothing when its signature has', () => {
  test.each(Object.entries(underGoodKey))('%s', async (_name, twist) => {
    const body = transfer(twist)
    const before = await trace(main, sub)
    const answer = await client.call(SPOT, { json: body })
    expectRefusal(answer, 400, 400, 'Verification failed', 'signature_verification_failed')
    expect(answer.body.data.checked_key).toBe(main.address)
    expect(await trace(main, sub)).toBe(before)
  })

  test('nothing wrong: then it moves, so it is the twist that is refused', async () => {
    const answer = await client.call(SPOT, { json: transfer({}) })
    expect(answer.status, answer.text).toBe(200)
    expect((await client.balancesOf(sub.address))['spot SOL']).toBe('1')
  })
})

describe('nobody acts, twice in a row and as account or as agent, with', () => {
  test.each(Object.entries(underBadKeys))('%s', async (_name, twist) => {
    const body = transfer(twist)
    const before = await trace(main, sub)
    const asAgent = { ...body, account: main.address, agent_wallet: body.account }
    for (const json of [body, asAgent, body, asAgent]) {
      const answer = await client.call(SPOT, { json })
      expectRefusal(answer, 400, 400, 'Invalid public key', 'invalid_public_key')
    }
    expect(await trace(main, sub)).toBe(before)
  })
})

describe('a login opens no session and keeps its nonce when its signature has', () => {
  const wallet = solanaWallet(randomBytes(32))
  const login = async (address: string, signature: Uint8Array, timestamp: number) =>
    await client.call('/auth/login', { json: { address, signature: base58.encode(signature), timestamp } })
  const nonceOf = async (address: string) => (await client.call(`/auth/nonce/${address}`)).body

  test.each(Object.entries(underGoodKey))('%s', async (_name, twist) => {
    const { nonce, message } = await nonceOf(main.address)
    const { signature } = twisted(secret, new TextEncoder().encode(message), twist)
    const answer = await login(main.address, signature, JSON.parse(message).timestamp)
    expect([answer.status, answer.body.error]).toEqual([401, 'SIGNATURE_INVALID'])
    expect((await nonceOf(main.address)).nonce).toBe(nonce)
  })

  test('the identity as its key', async () => {
    const { message } = await nonceOf(wallet.address)
    const forged = twisted(secret, new TextEncoder().encode(message), { key: { bytes: IDENTITY } })
    const answer = await login(base58.encode(forged.key), forged.signature, JSON.parse(message).timestamp)
    expect([answer.status, answer.body.error]).toEqual([400, 'INVALID_ADDRESS'])
  })

  test('nothing wrong: then it opens one', async () => {
    const { message } = await nonceOf(main.address)
    const { signature } = twisted(secret, new TextEncoder().encode(message), {})
    const answer = await login(main.address, signature, JSON.parse(message).timestamp)
    expect(answer.status, answer.text).toBe(200)
  })
})
