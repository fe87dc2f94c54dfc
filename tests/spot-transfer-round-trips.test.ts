import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newKey, type Client } from './support/client.ts'
import { ownStack } from './support/own-stack.ts'

interface RoundTrips {
  total: number
  httpRequests: number
  httpStatements: number
  webSocketConnections: number
}

let client: Client
let stop: () => Promise<void>

// The proxy counts for everybody who uses it: nobody else may be on this one.
beforeAll(async () => {
  const own = await ownStack()
  client = own.client
  stop = own.stop
})
afterAll(async () => await stop())

/** What a piece of work cost, as the network between the functions and Postgres saw it. */
async function roundTripsOf<T>(work: () => Promise<T>): Promise<{ answer: T; cost: RoundTrips }> {
  const control = `${client.manifest.neonProxyUrl}/_control`
  await fetch(control, { method: 'POST', body: JSON.stringify({ reset: true }) })
  const answer = await work()
  const { roundTrips } = (await (await fetch(control)).json()) as { roundTrips: RoundTrips }
  return { answer, cost: roundTrips }
}

const ONE = { total: 1, httpRequests: 1, httpStatements: 1, webSocketConnections: 0 }
const move = { token: 'USDT', direction: 'spot_to_perp', amount: '1' }

describe('a transfer', () => {
  test('costs exactly one round trip to the database, and no connection of its own', async () => {
    const { token, account } = await client.newAccount({ USDT: '10' })
    const { answer, cost } = await roundTripsOf(async () => await client.transfer(token, move))
    expect(answer.status).toBe(200)
    expect(cost).toMatchObject(ONE)
    expect(await client.balancesOf(account)).toEqual({ 'perp USDT': '1', 'spot USDT': '9' })
  })

  test('with an Idempotency-Key costs one, and so does its replay', async () => {
    const { token, account } = await client.newAccount({ USDT: '10' })
    const headers = { 'Idempotency-Key': newKey() }
    for (const replayed of [null, 'true']) {
      const { answer, cost } = await roundTripsOf(async () => await client.transfer(token, move, headers))
      expect(answer.headers.get('Idempotency-Replayed')).toBe(replayed)
      expect(cost).toMatchObject(ONE)
    }
    expect(await client.balancesOf(account)).toEqual({ 'perp USDT': '1', 'spot USDT': '9' })
  })

  test('that is refused for want of money costs one, and moves nothing', async () => {
    const { token, account } = await client.newAccount({ USDT: '10' })
    const { answer, cost } = await roundTripsOf(
      async () => await client.transfer(token, { ...move, amount: '11' }),
    )
    expect(answer.body.error).toBe('INSUFFICIENT_BALANCE')
    expect(cost).toMatchObject(ONE)
    expect(await client.balancesOf(account)).toEqual({ 'spot USDT': '10' })
  })

  test('without a valid session never reaches the database', async () => {
    const { answer, cost } = await roundTripsOf(async () => await client.transfer('no.such.token', move))
    expect(answer.status).toBe(401)
    expect(cost.total).toBe(0)
  })
})
