import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { clientOf } from './support/client.ts'
import { openStream as open, type Credential, type StreamClient } from './support/stream.ts'
import { until } from './support/until.ts'

const client = clientOf()
const url = client.manifest.wsUrl
const opened: StreamClient[] = []

async function openStream(credential: Credential): Promise<StreamClient> {
  const stream = await open(url, credential)
  opened.push(stream)
  return stream
}
const subscribed = async (bearer: string, token?: string) => {
  const stream = await openStream({ bearer })
  await stream.subscribe(token)
  return stream
}
/** Sockets of sessions that end after so many seconds, as soon as all of them have seen their snapshot before they did. */
async function endingAfter(account: string, ...seconds: number[]): Promise<StreamClient[]> {
  for (let slow = 1; ; slow *= 2) {
    const tokens = await Promise.all(
      seconds.map(async (ttl) => await client.sessionFor(account, { ttl: slow * ttl })),
    )
    const streams = await Promise.all(
      tokens.map(async (bearer) => await openStream({ bearer }).catch(() => undefined)),
    )
    const inTime = await Promise.all(
      streams.map(async (stream) =>
        stream === undefined
          ? false
          : await Promise.race([
              stream.subscribe('USDT').then(
                () => true,
                () => false,
              ),
              stream.closed.then(() => false),
            ]),
      ),
    )
    if (inTime.every(Boolean)) return streams.filter((stream) => stream !== undefined)
  }
}
const toPerp = async (token: string, amount = '1') =>
  await client.transfer(token, { token: 'USDT', direction: 'spot_to_perp', amount })
const versions = (stream: StreamClient, token: string) => stream.balances(token).map(({ version }) => version)
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, at) => first + at)

afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (stream) => await stream.close()))
})

describe('who is told', () => {
  test('both sockets of an account get a push after credit and transfer, and another account gets nothing', async () => {
    const owner = await client.newAccount({ USDT: '100' })
    const other = await client.newAccount({ USDT: '100' })
    const streams = [await subscribed(owner.token, 'USDT'), await subscribed(owner.token, 'USDT')]
    const stranger = await subscribed(other.token, 'USDT')
    await client.credit(owner.account, 'DF', '7.50')
    expect((await toPerp(owner.token, '40')).status).toBe(200)
    for (const stream of streams) {
      await until(() => versions(stream, 'USDT').includes(2) && versions(stream, 'DF').includes(1), 'a push')
      expect(stream.balances('DF')).toMatchObject([{ available: '7.5', frozen: '0', version: 1 }])
      expect(stream.balances('USDT')).toMatchObject([{ available: '100' }, { available: '60', version: 2 }])
      expect(Math.abs(Date.now() / 1000 - (stream.balances('DF')[0]?.ts ?? 0))).toBeLessThan(60)
    }
    // The stranger's own push comes after whatever could have been sent by mistake.
    await client.credit(other.account, 'USDT', '1')
    await until(() => versions(stranger, 'USDT').includes(2), 'the own push')
    expect(stranger.balances()).toMatchObject([{ available: '100' }, { available: '101' }])
  })

  test('the messages have exactly the published form, and a snapshot has every token', async () => {
    const { token } = await client.newAccount({ USDT: '1', DF: '2', SOL: '0.000000001' })
    const stream = await subscribed(token, 'USDT')
    const balances = (await client.call('/spot/balances', { token })).body.balances as object[]
    expect(stream.messages[0]).toEqual({ type: 'subscribed', channel: 'spot:user:balances' })
    expect(stream.messages.slice(1)).toEqual(
      balances.map((data) => ({
        type: 'spot_user_balance',
        channel: 'spot:user:balances',
        data: { ...data, ts: expect.any(Number) },
      })),
    )
  })

  test('a socket that did not subscribe, or no longer does, is told nothing', async () => {
    const { account, token } = await client.newAccount({ USDT: '1' })
    const silent = await openStream({ bearer: token })
    const left = await subscribed(token, 'USDT')
    left.say({ type: 'unsubscribe', channel: 'spot:user:balances' })
    await until(() => left.messages.at(-1)?.type === 'unsubscribed', 'unsubscribed')
    const witness = await subscribed(token, 'USDT')
    await client.credit(account, 'USDT', '1')
    await until(() => versions(witness, 'USDT').includes(2), 'the push')
    for (const stream of [silent, left]) {
      stream.say({ type: 'ping' })
      await until(() => stream.messages.at(-1)?.type === 'pong', 'pong')
      expect(versions(stream, 'USDT')).not.toContain(2)
    }
    await left.subscribe('USDT')
    expect(versions(left, 'USDT')).toEqual([1, 2])
  })

  test('a replayed key and a refused transfer push nothing', async () => {
    const { account, token } = await client.newAccount({ USDT: '10' })
    const stream = await subscribed(token, 'USDT')
    const body = { token: 'USDT', direction: 'spot_to_perp', amount: '4' }
    for (const status of [200, 200])
      expect((await client.transfer(token, body, { 'Idempotency-Key': 'once' })).status).toBe(status)
    expect((await toPerp(token, '7')).status).toBe(400)
    await client.credit(account, 'USDT', '1')
    await until(() => versions(stream, 'USDT').includes(3), 'the credit')
    expect(stream.balances('USDT').map(({ available }) => available)).toEqual(['10', '6', '7'])
    expect((await client.transfer(token, { ...body, direction: 'perp_to_spot' })).status).toBe(200)
    await until(() => versions(stream, 'USDT').includes(4), 'the transfer back')
    expect(stream.balances('USDT').at(-1)).toMatchObject({ available: '11', version: 4 })
  })
})

describe('order', () => {
  test('200 rapid changes arrive in order, each version once and none missing, on every socket', async () => {
    const { account, token } = await client.newAccount({ USDT: '1000' })
    const streams = [await subscribed(token, 'USDT'), await subscribed(token, 'USDT')]
    const change = async (at: number) =>
      at % 2 === 0 ? await toPerp(token) : await client.credit(account, 'USDT', '1')
    const lanes = Array.from({ length: 20 }, async (_, lane) => {
      for (let at = 0; at < 10; at += 1) await change(lane + at)
    })
    await Promise.all(lanes)
    for (const stream of streams) {
      await until(() => versions(stream, 'USDT').includes(201), 'the last version')
      expect(versions(stream, 'USDT')).toEqual(upTo(201))
      expect(stream.balances('USDT').at(-1)).toMatchObject({ available: '1000', version: 201 })
    }
  })

  test('a subscriber that comes in the middle of changes misses none after its snapshot', async () => {
    const { account, token } = await client.newAccount({ USDT: '1' })
    const credits = Promise.all(
      Array.from({ length: 5 }, async () => {
        for (let at = 0; at < 8; at += 1) await client.credit(account, 'USDT', '1')
      }),
    )
    const streams = await Promise.all(upTo(4).map(async () => await subscribed(token, 'USDT')))
    await credits
    for (const stream of streams) {
      await until(() => versions(stream, 'USDT').includes(41), 'the last version')
      expect(versions(stream, 'USDT')).toEqual(upTo(41, versions(stream, 'USDT')[0]))
    }
  })

  test('what a client missed while it was away is in the snapshot when it comes back', async () => {
    const { account, token } = await client.newAccount({ USDT: '1' })
    const before = await subscribed(token, 'USDT')
    await before.close()
    await client.credit(account, 'USDT', '1')
    await client.credit(account, 'DF', '3')
    const after = await subscribed(token, 'USDT')
    expect(after.balances()).toMatchObject([
      { token: 'DF', available: '3', version: 1 },
      { token: 'USDT', available: '2', version: 2 },
    ])
    await client.credit(account, 'USDT', '1')
    await until(() => versions(after, 'USDT').includes(3), 'the next push')
    expect(versions(after, 'USDT')).toEqual([2, 3])
  })

  test('an open socket that sees a gap repairs it by subscribing again', async () => {
    const { account, token } = await client.newAccount({ USDT: '1' })
    const stream = await subscribed(token, 'USDT')
    // A change whose push is lost: written by the ledger, and nobody tells the stream.
    await client.sql(`select ledger.credit($1, 'USDT', 5, null, null, null, null)`, [account])
    await client.credit(account, 'USDT', '1')
    await until(() => versions(stream, 'USDT').includes(3), 'the push after the lost one')
    expect(versions(stream, 'USDT')).toEqual([1, 3])
    await stream.subscribe('USDT')
    expect(stream.balances('USDT').at(-1)).toMatchObject({ available: '7', version: 3 })
  })
})

describe('time', () => {
  test('a session that ends while its socket is open is closed with 4401, and one that lasts is not', async () => {
    const { account, token } = await client.newAccount({ USDT: '1' })
    const long = await subscribed(token, 'USDT')
    const [short = expect.fail()] = await endingAfter(account, 2)
    expect(await short.closed).toMatchObject({ code: 4401 })
    await client.credit(account, 'USDT', '1')
    await until(() => versions(long, 'USDT').includes(2), 'the push')
    expect(versions(short, 'USDT')).toEqual([1])
  })

  test('each session has its own end, also one that was opened later and ends sooner', async () => {
    const { account, token } = await client.newAccount({ USDT: '1' })
    const lasting = await subscribed(token, 'USDT')
    const [last = expect.fail(), first = expect.fail(), second = expect.fail()] = await endingAfter(
      account,
      6,
      2,
      4,
    )
    const ended: string[] = []
    const note = async (stream: StreamClient, name: string) => {
      expect((await stream.closed).code).toBe(4401)
      ended.push(name)
    }
    // Nobody says or moves anything: only the object's own alarm can end them.
    await Promise.all([note(last, 'last'), note(first, 'first'), note(second, 'second')])
    expect(ended).toEqual(['first', 'second', 'last'])
    await client.credit(account, 'USDT', '1')
    await until(() => versions(lasting, 'USDT').includes(2), 'the push')
  })

  test('the upgrade is logged under the caller’s request id, and the token is in no log line', async () => {
    const { token } = await client.newAccount()
    const requestId = randomBytes(8).toString('hex')
    const { socket } = await openStream({
      headers: { Authorization: `Bearer ${token}`, 'X-Request-Id': requestId },
    })
    expect(socket.readyState).toBe(socket.OPEN)
    const log = () => readFileSync(join(inject('stackFolder'), 'functions.log'), 'utf8')
    await until(() => log().includes(requestId), 'the log line')
    expect(log()).not.toContain(token)
  })
})
