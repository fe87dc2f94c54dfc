/** Sockets that are opened without a token and sign in over the socket, as most clients of such APIs do. */
import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { STREAM_SIGN_INS_MAX, STREAM_WAITING_PER_ADDRESS_MAX } from '../functions/_lib/limits.ts'
import { clientOf } from './support/client.ts'
import { functionLog } from './support/function-log.ts'
import { openStream, refusal, type Credential, type StreamClient } from './support/stream.ts'
import { until } from './support/until.ts'

const client = clientOf()
const url = client.manifest.wsUrl
const opened: StreamClient[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (stream) => await stream.close()))
})

async function open(credential: Credential = { headers: {} }): Promise<StreamClient> {
  const stream = await openStream(url, credential)
  opened.push(stream)
  return stream
}
const anAddress = () => ({ 'CF-Connecting-IP': `198.51.${randomBytes(1)[0]}.${randomBytes(1)[0]}` })
const answered = async (stream: StreamClient, type: string, times = 1) =>
  await until(() => stream.messages.filter((message) => message.type === type)[times - 1], type)
const signedIn = async (token: string) => {
  const stream = await open()
  stream.say({ type: 'auth', token })
  expect(await answered(stream, 'auth_result')).toMatchObject({ success: true })
  return stream
}
const channel = 'spot:user:balances'
const versions = (stream: StreamClient) => stream.balances('USDT').map(({ version }) => version)

describe('signing in over the socket', () => {
  test.each<[string, (token: string) => object | Buffer]>([
    ['auth with token', (token) => ({ type: 'auth', token })],
    ['auth with auth_token', (token) => ({ type: 'auth', auth_token: token })],
    ['auth_token with token', (token) => ({ type: 'auth_token', token })],
    ['auth in bytes', (token) => Buffer.from(JSON.stringify({ type: 'auth', token }))],
  ])(
    '%s is answered with auth_result, and the socket then tells of its account alone',
    async (_name, say) => {
      const [owner, other] = [await client.newAccount({ USDT: '1' }), await client.newAccount({ USDT: '5' })]
      const stream = await open()
      const message = say(owner.token)
      stream.socket.send(Buffer.isBuffer(message) ? message : JSON.stringify(message))
      await answered(stream, 'auth_result')
      expect(stream.messages).toEqual([{ type: 'auth_result', success: true, message: expect.any(String) }])
      await stream.subscribe('USDT')
      await client.credit(other.account, 'USDT', '1')
      await client.credit(owner.account, 'USDT', '2')
      await until(() => versions(stream).includes(2), 'the push')
      expect(stream.balances('USDT').map(({ available }) => available)).toEqual(['1', '3'])
    },
  )

  test.each(['token', 'auth_token'])('a subscribe with %s signs in and subscribes at once', async (name) => {
    const { token } = await client.newAccount({ USDT: '7' })
    const stream = await open()
    stream.say({ type: 'subscribe', channel, [name]: token })
    await until(() => stream.balances('USDT').length > 0, 'the snapshot')
    expect(stream.messages.map(({ type }) => type)).toEqual([
      'auth_result',
      'subscribed',
      'spot_user_balance',
    ])
  })

  test('what is sent right behind the token, without waiting, is carried out in its order', async () => {
    const { token } = await client.newAccount({ USDT: '7' })
    const stream = await open()
    stream.say({ type: 'auth', token })
    stream.say({ type: 'subscribe', channel })
    stream.say({ type: 'unsubscribe', channel })
    stream.say({ type: 'subscribe', channel: 'other' })
    await answered(stream, 'error')
    const types = stream.messages.map(({ type }) => type).filter((type) => type !== 'spot_user_balance')
    expect(types).toEqual(['auth_result', 'subscribed', 'unsubscribed', 'error'])
    expect(stream.messages.at(-1)?.code).toBe('INVALID_CHANNEL')
  })

  test('until then everything but a ping is answered with AUTH_REQUIRED, and nothing is told', async () => {
    const { account, token } = await client.newAccount({ USDT: '7' })
    const stream = await open()
    for (const message of [
      { type: 'subscribe', channel },
      { type: 'unsubscribe', channel },
      { type: 'subscribe', channel: `${channel}:${account}` },
      { type: 'publish' },
    ])
      stream.say(message)
    stream.say('nonsense')
    stream.say({ type: 'ping' })
    await answered(stream, 'pong')
    expect(stream.messages.map(({ type, code }) => code ?? type)).toEqual([
      ...['AUTH_REQUIRED', 'AUTH_REQUIRED', 'AUTH_REQUIRED', 'INVALID_MESSAGE', 'INVALID_MESSAGE'],
      'pong',
    ])
    stream.say({ type: 'auth', token })
    expect(await answered(stream, 'auth_result')).toMatchObject({ success: true })
    expect(stream.balances()).toEqual([])
  })

  test('a refused token says so and leaves room for a good one; after a few the socket is closed', async () => {
    const { token } = await client.newAccount({ USDT: '7' })
    const expired = await client.sessionFor('0x' + '11'.repeat(20), { now: 1e9, ttl: 60 })
    const stream = await open()
    for (const bad of ['nonsense', expired, '', `${token.split('.').slice(0, 2).join('.')}.`])
      stream.say({ type: 'auth', token: bad })
    await answered(stream, 'auth_result', 4)
    expect(stream.messages.map(({ success }) => success)).toEqual([false, false, false, false])
    stream.say({ type: 'auth', token })
    expect(await answered(stream, 'auth_result', 5)).toMatchObject({ success: true })

    const guesser = await open()
    for (let n = 0; n < STREAM_SIGN_INS_MAX; n += 1) guesser.say({ type: 'auth', token: `guess ${n}` })
    guesser.say({ type: 'auth', token })
    expect((await guesser.closed).code).toBe(4401)
    expect(guesser.messages.map(({ success }) => success)).not.toContain(true)
  })

  test('a socket on which nobody signs in is closed after 10 s, however much it talks; one that signed in is not', async () => {
    const { token } = await client.newAccount({ USDT: '1' })
    const good = await signedIn(token)
    const silent = await open()
    const talking = await open()
    const openedAt = Date.now()
    const talk = setInterval(() => talking.say({ type: 'ping' }), 1_000)
    const [first, second] = await Promise.all([silent.closed, talking.closed]).finally(() =>
      clearInterval(talk),
    )
    expect([first.code, second.code]).toEqual([4401, 4401])
    // Whatever the load, not before its time.
    expect(Date.now() - openedAt).toBeGreaterThan(9_000)
    good.say({ type: 'ping' })
    await answered(good, 'pong')
  })
})

describe('a token that comes again', () => {
  test('is answered also where the upgrade had one, as clients send both', async () => {
    const { token } = await client.newAccount({ USDT: '1' })
    const stream = await open({ bearer: token })
    stream.say({ type: 'auth', token })
    stream.say({ type: 'subscribe', channel, token })
    await until(() => stream.balances('USDT').length > 0, 'the snapshot')
    expect(stream.messages.slice(0, 3)).toMatchObject([
      { type: 'auth_result', success: true },
      { type: 'auth_result', success: true },
      { type: 'subscribed' },
    ])
  })

  test('of another account changes nothing: the socket stays whose it is, and that account is not told of', async () => {
    const [owner, other] = [await client.newAccount({ USDT: '1' }), await client.newAccount({ USDT: '5' })]
    for (const stream of [await open({ bearer: owner.token }), await signedIn(owner.token)]) {
      stream.say({ type: 'subscribe', channel, token: other.token })
      await until(() => stream.messages.at(-1)?.success === false, 'the refusal')
      await stream.subscribe('USDT')
      expect(stream.balances('USDT').map(({ available }) => available)).toEqual(['1'])
    }
  })

  test('gives the socket its own end: a longer one keeps it, a shorter one closes it in time', async () => {
    const { account, token } = await client.newAccount({ USDT: '1' })
    const short = await client.sessionFor(account, { ttl: 3 })
    for (const start of [
      async () => await open({ bearer: short }),
      async () => await signedIn(await client.sessionFor(account, { ttl: 3 })),
    ]) {
      const kept = await start()
      kept.say({ type: 'auth', token })
      await until(() => kept.messages.at(-1)?.success === true, 'signed in')
      const cut = await signedIn(token)
      cut.say({ type: 'auth', token: await client.sessionFor(account, { ttl: 2 }) })
      expect((await cut.closed).code).toBe(4401)
      kept.say({ type: 'subscribe', channel })
      await answered(kept, 'subscribed')
    }
  })
})

describe('a socket that signed in later', () => {
  test('ends with its session', async () => {
    const { account } = await client.newAccount({ USDT: '1' })
    const lasting = await signedIn(await client.sessionFor(account))
    const short = await signedIn(await client.sessionFor(account, { ttl: 2 }))
    expect((await short.closed).code).toBe(4401)
    lasting.say({ type: 'ping' })
    await answered(lasting, 'pong')
  })

  test('counts among the account’s 20, and the 21st is told so', async () => {
    const { token } = await client.newAccount({ USDT: '1' })
    const streams: StreamClient[] = []
    for (let n = 0; n < 10; n += 1) streams.push(await signedIn(token), await open({ bearer: token }))
    const last = await open()
    last.say({ type: 'auth', token })
    expect(await answered(last, 'auth_result')).toMatchObject({ success: false })
    expect((await last.closed).code).toBe(1013)
    await streams[0]?.close()
    await until(async () => {
      const again = await open()
      again.say({ type: 'auth', token })
      return (await answered(again, 'auth_result')).success === true
    }, 'room for another')
  })

  test('is closed by its client as any other, and a too long message closes it with 1009', async () => {
    const { token } = await client.newAccount({ USDT: '1' })
    const stream = await signedIn(token)
    stream.socket.close(3001, 'enough')
    expect((await stream.closed).code).toBeLessThan(4000)
    for (const loud of [await signedIn(token), await open()]) {
      loud.say('x'.repeat(16 * 1024 + 1))
      expect((await loud.closed).code).toBe(1009)
    }
  })

  test('is in the log with its account under the upgrade’s request id, and its token is not', async () => {
    const { account, token } = await client.newAccount({ USDT: '1' })
    const requestId = randomBytes(8).toString('hex')
    const stream = await open({ headers: { 'X-Request-Id': requestId } })
    stream.say({ type: 'auth', token })
    await answered(stream, 'auth_result')
    const line = await until(
      async () => (await functionLog()).find((text) => text.includes(requestId) && text.includes(account)),
      'the log line',
    )
    expect(JSON.parse(line)).toEqual({ event: 'stream_signed_in', request_id: requestId, account })
    expect((await functionLog()).filter((text) => text.includes(token))).toEqual([])
  })
})

test('waiting sockets are bounded per address; another address, and who signs in at the upgrade, get in', async () => {
  const { token } = await client.newAccount()
  const headers = anAddress()
  const waiting = await Promise.all(
    Array.from({ length: STREAM_WAITING_PER_ADDRESS_MAX }, async () => await open({ headers })),
  )
  const refused = await refusal(url, { headers })
  expect([refused.status, JSON.parse(refused.body).error]).toEqual([429, 'RATE_LIMITED'])
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
  await open({ headers: anAddress() })
  await open({ headers: { ...headers, Authorization: `Bearer ${token}` } })
  waiting[0]?.say({ type: 'auth', token })
  expect(await answered(waiting[0]!, 'auth_result')).toMatchObject({ success: true })
  await waiting[1]?.close()
  await until(
    async () =>
      await open({ headers }).then(
        () => true,
        () => false,
      ),
    'room for another',
  )
})
