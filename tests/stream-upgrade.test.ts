import { afterEach, describe, expect, test } from 'vitest'
import { STREAM_MESSAGES_MAX } from '../functions/_lib/limits.ts'
import { clientOf } from './support/client.ts'
import { openStream as open, refusal, type Credential, type StreamClient } from './support/stream.ts'
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
const versions = (stream: StreamClient, token: string) => stream.balances(token).map(({ version }) => version)
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, at) => first + at)

afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (stream) => await stream.close()))
})

describe('the upgrade', () => {
  test('a browser sends the token as a subprotocol; the server selects bearer and repeats no token', async () => {
    const { token } = await client.newAccount({ USDT: '1' })
    const stream = await openStream({ protocols: ['bearer', token] })
    expect(stream.socket.protocol).toBe('bearer')
    await stream.subscribe('USDT')
  })

  test.each<[string, (token: string) => Promise<Credential> | Credential, number, string]>([
    ['bearer as a subprotocol and no token', () => ({ protocols: ['bearer'] }), 401, 'UNAUTHORIZED'],
    ['an API key alone', () => ({ headers: { 'X-API-Key': 'tg_x' } }), 403, 'API Key permission denied'],
    ['nonsense', () => ({ bearer: 'nonsense' }), 401, 'UNAUTHORIZED'],
    ['nonsense as a subprotocol', () => ({ protocols: ['bearer', 'nonsense'] }), 401, 'UNAUTHORIZED'],
    ['another subprotocol', (token) => ({ protocols: ['token', token] }), 401, 'UNAUTHORIZED'],
    ['one character changed', (token) => ({ bearer: token.slice(0, -3) + 'AAA' }), 401, 'UNAUTHORIZED'],
    [
      'no signature (alg none)',
      (token) => ({ bearer: `eyJhbGciOiJub25lIn0.${token.split('.')[1]}.` }),
      401,
      'UNAUTHORIZED',
    ],
    [
      'an expired token',
      async () => ({ bearer: await client.sessionFor('0x' + '11'.repeat(20), { now: 1e9, ttl: 60 }) }),
      401,
      'UNAUTHORIZED',
    ],
    [
      'an API key beside a good token',
      (token) => ({ headers: { Authorization: `Bearer ${token}`, 'X-API-Key': 'tg_x' } }),
      403,
      'API Key permission denied',
    ],
  ])('%s is refused and no socket is opened', async (_name, credential, status, error) => {
    const { token } = await client.newAccount()
    const refused = await refusal(url, await credential(token))
    expect([refused.status, JSON.parse(refused.body).error]).toEqual([status, error])
  })

  test('a plain GET without a credential is refused: only a socket may sign in later', async () => {
    const answer = await fetch(url.replace('ws:', 'http:'))
    expect([answer.status, await answer.json()]).toMatchObject([401, { error: 'UNAUTHORIZED' }])
  })

  test('a plain GET says that a WebSocket is needed', async () => {
    const { token } = await client.newAccount()
    const origin = url.replace('ws:', 'http:')
    const answer = await fetch(origin, { headers: { Authorization: `Bearer ${token}` } })
    expect([answer.status, await answer.json()]).toMatchObject([426, { error: 'UPGRADE_REQUIRED' }])
    expect((await fetch(origin, { method: 'POST' })).status).toBe(405)
  })

  test('nothing outside can push: the object has no route from the network', async () => {
    const { account, token } = await client.newAccount({ USDT: '1' })
    const stream = await subscribed(token, 'USDT')
    const forged = [{ account, token: 'USDT', available: '1000000', frozen: '0', version: 2, ts: 1 }]
    const origin = url.replace('ws:', 'http:').replace('/ws', '')
    for (const path of ['/push', '/ws/push', '/ws/../push', '/api/v1/push', '/open']) {
      const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
      const answer = await fetch(origin + path, { method: 'POST', headers, body: JSON.stringify(forged) })
      expect(answer.status).toBe(404)
    }
    await client.credit(account, 'USDT', '1')
    await until(() => versions(stream, 'USDT').includes(2), 'the true push')
    expect(stream.balances('USDT').map(({ available }) => available)).toEqual(['1', '2'])
  })

  test('the 21st socket is refused, the 20 stay open, and a closed one makes room', async () => {
    const { account, token } = await client.newAccount({ USDT: '1' })
    const streams = await Promise.all(upTo(20).map(async () => await subscribed(token, 'USDT')))
    const refused = await refusal(url, { bearer: token })
    expect([refused.status, JSON.parse(refused.body).error]).toEqual([429, 'RATE_LIMITED'])
    expect(refused.headers['retry-after']).toBe('10')
    await client.credit(account, 'USDT', '1')
    for (const stream of streams) await until(() => versions(stream, 'USDT').includes(2), 'the push')
    await streams[0]?.close()
    await until(
      async () =>
        await openStream({ bearer: token }).then(
          () => true,
          () => false,
        ),
      'room for another',
    )
  })
})

describe('what a client may say', () => {
  test.each<[string, string | Buffer, string]>([
    ['text that is no JSON', 'hello', 'INVALID_MESSAGE'],
    ['nothing', '', 'INVALID_MESSAGE'],
    ['an array', '[]', 'INVALID_MESSAGE'],
    ['null', 'null', 'INVALID_MESSAGE'],
    ['no type', '{}', 'INVALID_MESSAGE'],
    ['an unknown type', '{"type":"publish"}', 'INVALID_MESSAGE'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'INVALID_MESSAGE'],
    ['bytes that are no JSON', Buffer.from('hello'), 'INVALID_MESSAGE'],
    ['UTF-16', Buffer.from('{"type":"ping"}', 'utf16le'), 'INVALID_MESSAGE'],
    ['auth without a token', '{"type":"auth"}', 'INVALID_MESSAGE'],
    ['a token that is no text', '{"type":"auth","token":7}', 'INVALID_MESSAGE'],
    ['no channel', '{"type":"subscribe"}', 'INVALID_CHANNEL'],
    [
      'the channel of somebody else',
      '{"type":"subscribe","channel":"spot:user:balances:0x1"}',
      'INVALID_CHANNEL',
    ],
    ['an unknown channel to leave', '{"type":"unsubscribe","channel":"perp"}', 'INVALID_CHANNEL'],
  ])('%s is answered with an error, and the socket stays open', async (_name, message, code) => {
    const stream = await openStream({ bearer: (await client.newAccount()).token })
    stream.socket.send(message)
    await until(() => stream.messages.length > 0, 'an answer')
    expect(stream.messages).toEqual([{ type: 'error', code, message: expect.any(String) }])
    stream.say('{ "type": "ping" }')
    await until(() => stream.messages.at(-1)?.type === 'pong', 'pong')
  })

  test('bytes that hold JSON count as text', async () => {
    const { token } = await client.newAccount({ USDT: '1' })
    const stream = await openStream({ bearer: token })
    stream.socket.send(Buffer.from('{"type":"subscribe","channel":"spot:user:balances"}'))
    await until(() => stream.balances('USDT').length > 0, 'the snapshot')
    stream.socket.send(Buffer.from('{"type":"ping"}'))
    await until(() => stream.messages.at(-1)?.type === 'pong', 'pong')
  })

  test('a flood of messages closes its socket with 1008 and no other', async () => {
    const { token } = await client.newAccount({ USDT: '1' })
    const [calm, busy] = [await subscribed(token, 'USDT'), await openStream({ bearer: token })]
    for (let n = 0; n <= STREAM_MESSAGES_MAX; n += 1) busy.say('{}')
    expect((await busy.closed).code).toBe(1008)
    calm.say({ type: 'ping' })
    await until(() => calm.messages.at(-1)?.type === 'pong', 'pong')
  })

  test('a message of 16 KiB is read, one byte more closes the socket with 1009', async () => {
    const stream = await openStream({ bearer: (await client.newAccount()).token })
    stream.say('x'.repeat(16 * 1024))
    await until(() => stream.messages.length > 0, 'an answer')
    expect(stream.messages).toMatchObject([{ code: 'INVALID_MESSAGE' }])
    stream.say('x'.repeat(16 * 1024 + 1))
    expect((await stream.closed).code).toBe(1009)
  })
})
