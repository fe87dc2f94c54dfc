/**
 * Every endpoint of every function file at each of its rate limits, and one call beyond. The counters are those of the
 * runtime; only their figures are small.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RATES, type RateName } from '../functions/_lib/limits.ts'
import { ratesOf } from '../functions/_lib/http/rate-limit.ts'
import type { Stack } from '../scripts/stack/stack.ts'
import { functionFiles, allEndpoints, filledPath, sampleBody, type Listed } from './support/endpoints.ts'
import type { Answer, Client } from './support/client.ts'
import { ownStack } from './support/own-stack.ts'
import { anAddress, expectRateLimited, from, inOneWindow } from './support/rates.ts'
import { SIGNED_SAMPLES } from './support/signed-samples.ts'
import { newSolana } from './support/subaccounts.ts'
import type { Wallet } from './support/wallets.ts'

const PER_IDENTITY = 2
const PER_ADDRESS = 4
const LIMITS: Record<RateName, number> = {
  RATE_PUBLIC: PER_ADDRESS,
  RATE_ADDRESS: PER_ADDRESS,
  RATE_SIGNED_ADDRESS: PER_ADDRESS,
  RATE_READ: PER_IDENTITY,
  RATE_WRITE: PER_IDENTITY,
  RATE_SIGNED_KEY: PER_IDENTITY,
  RATE_AUTH_FAILURES: PER_IDENTITY,
}
/** Files without an endpoint, and why. */
const NO_ENDPOINT = { 'settle.ts': 'only the cron trigger runs it' }

let client: Client
let stack: Stack
let stop: () => Promise<void>
beforeAll(async () => ({ client, stack, stop } = await ownStack({}, LIMITS)))
afterAll(async () => await stop?.())

const endpoints = await allEndpoints(NO_ENDPOINT)
const named = (wanted: (listed: Listed) => boolean) =>
  endpoints.filter(wanted).map((listed) => [listed.name, listed] as const)
const counting = (rate: RateName) => named(({ endpoint }) => ratesOf(endpoint).includes(rate))

/** Somebody with a good credential of whatever kind the endpoint asks for: each call has a session of its own. */
interface Somebody {
  wallet: Wallet
}
const somebody = async (): Promise<Somebody> => ({ wallet: newSolana() })
async function call(listed: Listed, ip: string, who: Somebody | 'nobody'): Promise<Answer> {
  const { endpoint, path } = listed
  const isGood = who !== 'nobody'
  const account = isGood ? who.wallet.address : newSolana().address
  const signed = endpoint.access.kind === 'signed' && isGood ? SIGNED_SAMPLES[path] : undefined
  const token = isGood ? await client.sessionFor(account) : 'guess'
  const body = isGood && signed ? await signed(who.wallet, client) : sampleBody(listed, account)
  const credentials =
    endpoint.access.kind === 'admin'
      ? { 'X-API-Key': isGood ? client.manifest.adminApiKey : 'guess' }
      : endpoint.access.kind === 'session' || endpoint.access.kind === 'read'
        ? { Authorization: `Bearer ${token}` }
        : {}
  return await client.call(filledPath(path, account), {
    method: endpoint.method,
    headers: { ...from(ip), ...credentials },
    ...(endpoint.body ? { json: body } : {}),
  })
}
/** There is one admin key for all tests: where its calls are used up, the counters are made anew. */
async function isSpent({ endpoint }: Listed, answers: Answer[]): Promise<boolean> {
  const spent = endpoint.access.kind === 'admin' && answers.some(({ status }) => status === 429)
  if (spent) await stack.restartGateway()
  return spent
}

const passed = (answers: Answer[]) => {
  for (const { status, text } of answers) {
    expect(status, text).not.toBe(429)
    expect(status, text).toBeLessThan(500)
  }
}

test('the suite sees every function file, every rate, and has a signed sample of every endpoint that wants one', () => {
  const covered = new Set(endpoints.map(({ file }) => file))
  expect(functionFiles().filter((file) => !covered.has(file))).toEqual(Object.keys(NO_ENDPOINT))
  expect([...new Set(endpoints.flatMap(({ endpoint }) => ratesOf(endpoint)))].sort()).toEqual(
    Object.keys(RATES).sort(),
  )
  const signed = endpoints.filter(({ endpoint }) => endpoint.access.kind === 'signed').map(({ path }) => path)
  expect(Object.keys(SIGNED_SAMPLES).sort()).toEqual(signed.sort())
})

describe('by address, before anything is looked at', () => {
  const rates = ['RATE_PUBLIC', 'RATE_ADDRESS', 'RATE_SIGNED_ADDRESS'] as const
  test.each(rates.flatMap((rate) => counting(rate).map(([name, listed]) => [name, rate, listed] as const)))(
    '%s answers an address up to %s and refuses the next call, but not another address',
    async (_name, rate, listed) => {
      const { within, beyond, elsewhere } = await inOneWindow(async () => {
        const [ip, who] = [anAddress(), await somebody()]
        // No identity and no failure is at its own limit by these.
        const callers = [who, who, 'nobody', 'nobody'] as const
        const within: Answer[] = []
        for (const caller of callers) within.push(await call(listed, ip, caller))
        if (await isSpent(listed, within)) return undefined
        return {
          within,
          beyond: await call(listed, ip, await somebody()),
          elsewhere: await call(listed, anAddress(), 'nobody'),
        }
      })
      passed([...within, elsewhere])
      expectRateLimited(listed.endpoint, beyond, rate)
    },
  )
})

describe('by identity, once it is proved', () => {
  const rates = ['RATE_READ', 'RATE_WRITE', 'RATE_SIGNED_KEY'] as const
  test.each(rates.flatMap((rate) => counting(rate).map(([name, listed]) => [name, rate, listed] as const)))(
    '%s answers an identity up to %s from wherever it calls and refuses the next call, but nobody else',
    async (_name, rate, listed) => {
      const { within, beyond, other } = await inOneWindow(async () => {
        const who = await somebody()
        const within: Answer[] = []
        for (let n = 0; n < PER_IDENTITY; n += 1) within.push(await call(listed, anAddress(), who))
        if (await isSpent(listed, within)) return undefined
        const ip = anAddress()
        // The admin key has one holder.
        const next = listed.endpoint.access.kind === 'admin' ? 'nobody' : await somebody()
        return { within, beyond: await call(listed, ip, who), other: await call(listed, ip, next) }
      })
      passed([...within, other])
      expectRateLimited(listed.endpoint, beyond, rate)
    },
  )
})

test.each(named(({ endpoint }) => endpoint.endsRights === true))(
  '%s takes a right back, also when everything else is used up',
  async (_name, listed) => {
    const [ordinary] = endpoints.filter(
      ({ endpoint }) =>
        !endpoint.endsRights &&
        endpoint.access.kind === listed.endpoint.access.kind &&
        endpoint.method === 'POST',
    )
    const { refused, answer } = await inOneWindow(async () => {
      const who = await somebody()
      let refused: Answer | undefined
      for (let n = 0; n <= PER_IDENTITY; n += 1) refused = await call(ordinary!, anAddress(), who)
      return { refused, answer: await call(listed, anAddress(), who) }
    })
    expect(refused?.status).toBe(429)
    passed([answer])
  },
)

describe('by refused credentials of an address', () => {
  test.each(counting('RATE_AUTH_FAILURES'))(
    '%s answers 401 up to the limit and then 429, but not to another address',
    async (_name, listed) => {
      const { within, beyond, elsewhere } = await inOneWindow(async () => {
        const ip = anAddress()
        const within: Answer[] = []
        for (let n = 0; n < PER_IDENTITY; n += 1) within.push(await call(listed, ip, 'nobody'))
        return {
          within,
          beyond: await call(listed, ip, 'nobody'),
          elsewhere: await call(listed, anAddress(), 'nobody'),
        }
      })
      expect([...within, elsewhere].map(({ status }) => status)).toEqual([401, 401, 401])
      expectRateLimited(listed.endpoint, beyond, 'RATE_AUTH_FAILURES')
    },
  )
})
