import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RATES } from '../functions/_lib/limits.ts'
import type { Answer, CallOptions, Client } from './support/client.ts'
import { ownStack } from './support/own-stack.ts'

let client: Client
let stop: () => Promise<void>
beforeAll(async () => {
  const own = await ownStack({ RATE_LIMITS: 'on' })
  ;({ client, stop } = own)
})
afterAll(async () => await stop?.())

const anAddress = () => `203.0.${randomBytes(1)[0]}.${randomBytes(1)[0]}`
const from = (ip: string) => ({ 'CF-Connecting-IP': ip })
async function times(n: number, path: string, options: CallOptions): Promise<Answer[]> {
  const answers: Answer[] = []
  while (answers.length < n) {
    const some = Array.from(
      { length: Math.min(20, n - answers.length) },
      async () => await client.call(path, options),
    )
    answers.push(...(await Promise.all(some)))
  }
  return answers
}
const statuses = (answers: Answer[]) => [...new Set(answers.map((answer) => answer.status))].sort()

/** Windows are fixed, so a run may cross into the next one: then twice the limit passes and the rest must not. */
const OVER = 2

test('an account that reads too often gets 429 with Retry-After; another account at the same address does not', async () => {
  const [busy, calm] = await Promise.all([client.newAccount(), client.newAccount()])
  const { requestsMax, periodSeconds } = RATES.RATE_READ
  const answers = await times(OVER * requestsMax + 5, '/spot/balances', { token: busy.token })
  expect(statuses(answers)).toEqual([200, 429])
  expect(answers.slice(0, requestsMax - 20).every((answer) => answer.status === 200)).toBe(true)
  const refused = answers.find((answer) => answer.status === 429)
  expect(refused?.body).toMatchObject({ error: 'RATE_LIMITED', request_id: expect.any(String) })
  expect(refused?.headers.get('retry-after')).toBe(String(periodSeconds))
  expect((await client.call('/spot/balances', { token: calm.token })).status).toBe(200)
})

test('an account that writes too often is refused before anything moves', async () => {
  const user = await client.newAccount({ USDT: '1000' })
  const json = { token: 'USDT', direction: 'spot_to_perp', amount: '1' }
  const answers = await times(OVER * RATES.RATE_WRITE.requestsMax + 5, '/spot/transfer', {
    token: user.token,
    json,
  })
  expect(statuses(answers)).toEqual([200, 429])
  const moved = answers.filter((answer) => answer.status === 200).length
  expect(await client.balancesOf(user.account)).toEqual({
    'perp USDT': String(moved),
    'spot USDT': String(1000 - moved),
  })
})

test('calls without a credential count by address: one address is refused, the next is not', async () => {
  const [busy, calm] = [anAddress(), anAddress()]
  const answers = await times(OVER * RATES.RATE_PUBLIC.requestsMax + 5, '/wallet/tokens', {
    headers: from(busy),
  })
  expect(statuses(answers)).toEqual([200, 429])
  expect((await client.call('/wallet/tokens', { headers: from(calm) })).status).toBe(200)
})

test('an address that guesses keys is braked before the look-up, even with a good key; a good session still passes', async () => {
  const user = await client.newAccount({ USDT: '1' })
  const { api_key: good } = (await client.call('/api-keys', { token: user.token, json: {} })).body
  const headers = from(anAddress())
  const guess = { apiKey: `tg_${'A'.repeat(43)}`, headers }
  const answers = await times(OVER * RATES.RATE_AUTH_FAILURES.requestsMax + 5, '/spot/balances', guess)
  expect(statuses(answers)).toEqual([401, 429])
  expect(answers.find((answer) => answer.status === 429)?.headers.get('retry-after')).toBe('60')
  expect((await client.call('/spot/balances', { apiKey: good, headers })).status).toBe(429)
  expect((await client.call('/spot/balances', { token: user.token, headers })).status).toBe(200)
  expect((await client.call('/spot/balances', { apiKey: good, headers: from(anAddress()) })).status).toBe(200)
})

test('guessing the admin key is braked too, and credits nothing', async () => {
  const user = await client.newAccount()
  const json = { user_address: user.account, token: 'USDT', amount: '1' }
  const guess = { apiKey: 'guess', json, headers: from(anAddress()) }
  const answers = await times(
    OVER * RATES.RATE_AUTH_FAILURES.requestsMax + 5,
    '/admin/spot/balances/credit',
    guess,
  )
  expect(statuses(answers)).toEqual([401, 429])
  expect(await client.balancesOf(user.account)).toEqual({})
})
