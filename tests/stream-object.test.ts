/** The object of one account in this process, with a clock of the test's own: whom it tells, and every end of a socket. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Push } from '../db/client.ts'
import type { Session } from '../functions/_lib/access/session-claims.ts'
import { FakeSocket, FakeState, stubSockets } from './support/fake-sockets.ts'

/** What the parts around the object answer in a test. */
const parts = vi.hoisted(() => ({
  listen: async (): Promise<number> => await Promise.resolve(300),
  snapshot: async (): Promise<unknown> => await Promise.resolve([]),
  verified: async (): Promise<unknown> => await Promise.resolve('the token is not valid'),
  ended: async (): Promise<unknown> => await Promise.resolve(undefined),
}))
vi.mock('../db/ledger/listeners.ts', () => ({ listen: async () => await parts.listen() }))
vi.mock('../db/ledger/balances.ts', () => ({ spotSnapshot: async () => await parts.snapshot() }))
vi.mock('../functions/_lib/stream/session.ts', () => ({
  verifiedAgain: async () => await parts.verified(),
  whyEnded: async () => await parts.ended(),
}))

/** By a path that the compiler does not follow: the object is a Worker's, and these are Node's types. */
const FILE = '../functions/_lib/stream/account-stream.ts'
interface Stream {
  fetch(request: Request): Promise<Response>
  webSocketMessage(socket: FakeSocket, message: string | ArrayBuffer): Promise<void>
  webSocketClose(socket: FakeSocket): void
  alarm(): Promise<void>
}
const { AccountStream } = (await import(/* @vite-ignore */ FILE)) as {
  AccountStream: new (state: FakeState, bindings: object) => Stream
}

const NOW = 1_800_000_000
const BINDINGS = {
  READS_DATABASE_URL: 'postgresql://tidegate_reads:p@db.example.com/d',
  JWT_SECRET: 'x'.repeat(32),
}
let servers: FakeSocket[]
let state: FakeState
let stream: Stream

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: NOW * 1000 })
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
  servers = stubSockets()
  state = new FakeState()
  stream = new AccountStream(state, BINDINGS)
  parts.listen = async () => await Promise.resolve(300)
  parts.snapshot = async () => await Promise.resolve([])
  parts.verified = async () => await Promise.resolve('the token is not valid')
  parts.ended = async () => await Promise.resolve(undefined)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const sessionOf = (seconds: number, change: Partial<Session> = {}): Session => ({
  ...{ account: '0xaa', id: 'id', generation: 1, issuedAt: NOW },
  expiresAt: NOW + seconds,
  ...change,
})
async function open(session: Session): Promise<FakeSocket> {
  const query = new URLSearchParams({ session: JSON.stringify(session) }).toString()
  const response = await stream.fetch(new Request(`https://stream/open?${query}`))
  expect(response.status).toBe(101)
  return servers.at(-1)!
}
const say = async (socket: FakeSocket, message: object) =>
  await stream.webSocketMessage(socket, JSON.stringify(message))
const CHANNEL = { channel: 'spot:user:balances' }
async function subscribed(session: Session): Promise<FakeSocket> {
  const socket = await open(session)
  await say(socket, { type: 'subscribe', ...CHANNEL })
  return socket
}
const push = (version: number, token = 'DF'): Push => ({
  ...{ account: '0xaa', token, available: String(version), frozen: '0', version, ts: NOW },
})
const tell = async (...pushes: Push[]) =>
  await stream.fetch(new Request('https://stream/push', { method: 'POST', body: JSON.stringify(pushes) }))
const signOut = async (ended: object) =>
  await stream.fetch(new Request('https://stream/sign-out', { method: 'POST', body: JSON.stringify(ended) }))
const versions = (socket: FakeSocket) =>
  socket.sent.flatMap((text) => (JSON.parse(text) as { data?: Push }).data?.version ?? [])
const at = (seconds: number) => vi.setSystemTime((NOW + seconds) * 1000)

describe('the alarm', () => {
  test('stands at the first end, whichever session was opened first', async () => {
    await open(sessionOf(60))
    expect(state.alarm).toBe((NOW + 60) * 1000)
    await open(sessionOf(30))
    expect(state.alarm).toBe((NOW + 30) * 1000)
    await open(sessionOf(90))
    expect(state.alarm).toBe((NOW + 30) * 1000)
  })

  test('ends who is over, and is set again for the next: each session ends at its own time', async () => {
    const [long, short, middle] = [
      await open(sessionOf(90)),
      await open(sessionOf(30)),
      await open(sessionOf(60)),
    ]
    const open_ = () => [short, middle, long].map(({ closed }) => closed?.code)
    for (const [seconds, codes, next] of [
      [29, [undefined, undefined, undefined], 30],
      [30, [4401, undefined, undefined], 60],
      [60, [4401, 4401, undefined], 90],
      [90, [4401, 4401, 4401], undefined],
    ] as const) {
      at(seconds)
      state.alarm = null
      await stream.alarm()
      expect([seconds, open_(), state.alarm]).toEqual([
        seconds,
        codes,
        next === undefined ? null : (NOW + next) * 1000,
      ])
    }
  })
})

describe('a session that is over', () => {
  test('is told nothing although the alarm is late, and its socket is closed', async () => {
    const [over, lasting] = [await subscribed(sessionOf(30)), await subscribed(sessionOf(60))]
    at(30)
    await tell(push(1))
    expect([versions(over), over.closed?.code, versions(lasting), lasting.closed]).toEqual([
      [],
      4401,
      [1],
      undefined,
    ])
  })

  test('gets no answer to what it says', async () => {
    const socket = await open(sessionOf(30))
    at(30)
    await say(socket, { type: 'subscribe', ...CHANNEL })
    expect([socket.sent, socket.closed?.code]).toEqual([[], 4401])
  })

  test('by signing out is closed, and no other session of the account', async () => {
    const [one, other] = [await open(sessionOf(60, { id: 'one' })), await open(sessionOf(60, { id: 'two' }))]
    await signOut({ id: 'one' })
    expect([one.closed, other.closed]).toEqual([{ code: 4401, reason: 'signed out' }, undefined])
  })

  test('by signing out everywhere is closed where it is older than the cut, and nothing newer', async () => {
    const older = await open(sessionOf(60, { generation: 1 }))
    const newer = await open(sessionOf(60, { generation: 2 }))
    const before = await open(sessionOf(60, { generation: null, issuedAt: NOW - 1 }))
    const same = await open(sessionOf(60, { generation: null, issuedAt: NOW }))
    const after = await open(sessionOf(60, { generation: null, issuedAt: NOW + 1 }))
    await signOut({ cutoff: { generation: 2, validFrom: NOW } })
    expect([older, newer, before, same, after].map(({ closed }) => closed?.code)).toEqual([
      ...[4401, undefined, 4401, 4401, undefined],
    ])
  })
})

describe('a token on an open socket', () => {
  const auth = async (socket: FakeSocket) => await say(socket, { type: 'auth', token: 't' })

  test('lets the socket live as long as the newer session, and end with it', async () => {
    const socket = await open(sessionOf(30))
    parts.verified = async () => await Promise.resolve(sessionOf(90))
    await auth(socket)
    expect(JSON.parse(socket.sent[0]!)).toMatchObject({ type: 'auth_result', success: true })
    at(30)
    state.alarm = null
    await stream.alarm()
    expect([socket.closed, state.alarm]).toEqual([undefined, (NOW + 90) * 1000])
    at(90)
    await stream.alarm()
    expect(socket.closed?.code).toBe(4401)
  })

  test('that ends sooner ends the socket sooner', async () => {
    const socket = await open(sessionOf(90))
    parts.verified = async () => await Promise.resolve(sessionOf(30))
    await auth(socket)
    expect(state.alarm).toBe((NOW + 30) * 1000)
  })

  test('whose session was signed out closes it, and what was said behind the token is not answered', async () => {
    const socket = await open(sessionOf(90))
    parts.verified = async () => await Promise.resolve(sessionOf(90))
    parts.ended = async () => await Promise.resolve([4401, 'signed out'])
    const both = [auth(socket), say(socket, { type: 'subscribe', ...CHANNEL })]
    await Promise.all(both)
    expect(socket.closed).toEqual({ code: 4401, reason: 'signed out' })
    expect(socket.types).not.toContain('auth_result')
  })

  test('that is refused leaves what came with it undone', async () => {
    const socket = await open(sessionOf(90))
    await say(socket, { type: 'subscribe', ...CHANNEL, token: 't' })
    await tell(push(1))
    expect([socket.types, socket.closed]).toEqual([['auth_result'], undefined])
  })

  test('may be refused four times, and the fifth closes the socket', async () => {
    const socket = await open(sessionOf(90))
    for (let times = 1; times <= 5; times += 1) {
      expect([times, socket.closed]).toEqual([times, undefined])
      await auth(socket)
      expect(socket.types).toEqual(Array.from({ length: times }, () => 'auth_result'))
    }
    expect(socket.closed).toEqual({ code: 4401, reason: 'too many refused tokens' })
  })
})

describe('a subscriber', () => {
  test('is sent the snapshot once, and then each change; who left, or never came, is sent nothing', async () => {
    parts.snapshot = async () => await Promise.resolve([push(3)])
    const [here, left, silent] = [
      await subscribed(sessionOf(60)),
      await subscribed(sessionOf(60)),
      await open(sessionOf(60)),
    ]
    await say(left, { type: 'unsubscribe', ...CHANNEL })
    await tell(push(4))
    await tell(push(4), push(5))
    expect([here, left, silent].map(versions)).toEqual([[3, 4, 5], [3], []])
    expect(left.types).toEqual(['subscribed', 'spot_user_balance', 'unsubscribed'])
  })

  test('that leaves while the snapshot is read is not sent it', async () => {
    let give: ((rows: Push[]) => void) | undefined
    parts.snapshot = async () => await new Promise((resolve) => (give = resolve))
    const socket = await open(sessionOf(60))
    const subscribing = say(socket, { type: 'subscribe', ...CHANNEL })
    await vi.waitFor(() => expect(socket.types).toEqual(['subscribed']))
    await vi.waitFor(() => expect(give).toBeDefined())
    await say(socket, { type: 'unsubscribe', ...CHANNEL })
    give!([push(3)])
    await subscribing
    expect(socket.types).toEqual(['subscribed', 'unsubscribed'])
  })

  test('that leaves and comes back while the snapshot is read is sent one snapshot', async () => {
    const give: ((rows: Push[]) => void)[] = []
    parts.snapshot = async () => await new Promise((resolve) => give.push(resolve))
    const socket = await open(sessionOf(60))
    const first = say(socket, { type: 'subscribe', ...CHANNEL })
    await vi.waitFor(() => expect(give).toHaveLength(1))
    await say(socket, { type: 'unsubscribe', ...CHANNEL })
    const second = say(socket, { type: 'subscribe', ...CHANNEL })
    give[0]!([push(3)])
    await vi.waitFor(() => expect(give).toHaveLength(2))
    give[1]!([push(3)])
    await Promise.all([first, second])
    expect(versions(socket)).toEqual([3])
    expect(socket.types.slice(0, 3)).toEqual(['subscribed', 'unsubscribed', 'subscribed'])
  })

  test('is sent what was committed while the snapshot was read, each version once', async () => {
    let give: ((rows: Push[]) => void) | undefined
    parts.snapshot = async () => await new Promise((resolve) => (give = resolve))
    const socket = await open(sessionOf(60))
    const subscribing = say(socket, { type: 'subscribe', ...CHANNEL })
    await vi.waitFor(() => expect(socket.types).toEqual(['subscribed']))
    await vi.waitFor(() => expect(give).toBeDefined())
    await tell(push(3))
    await tell(push(4))
    give!([push(3)])
    await subscribing
    expect(versions(socket)).toEqual([3, 4])
  })

  test('is registered at the ledger before its balances are read, and given none where that fails', async () => {
    const asked: string[] = []
    parts.snapshot = async () => await Promise.resolve([push(asked.push('read'))])
    parts.listen = async () => await Promise.reject(new Error(`down ${asked.push('listen')}`))
    const refused = await subscribed(sessionOf(60))
    expect([asked, versions(refused), refused.closed?.code]).toEqual([['listen'], [], 1013])
    parts.listen = async () => await Promise.resolve(asked.push('listen') * 100)
    const socket = await subscribed(sessionOf(60))
    expect([asked, versions(socket)]).toEqual([['listen', 'listen', 'read'], [3]])
  })

  test('is told to come again where its balances cannot be read', async () => {
    parts.snapshot = async () => await Promise.reject(new Error('down'))
    const socket = await subscribed(sessionOf(60))
    expect(socket.closed).toEqual({
      code: 1013,
      reason: 'the balances cannot be read now: connect again',
    })
  })

  test('waits a quarter of a second for a version that was overtaken, then is sent what there is', async () => {
    parts.snapshot = async () => await Promise.resolve([push(1)])
    const socket = await subscribed(sessionOf(60))
    await tell(push(3))
    await vi.advanceTimersByTimeAsync(249)
    expect(versions(socket)).toEqual([1])
    await vi.advanceTimersByTimeAsync(1)
    expect(versions(socket)).toEqual([1, 3])
    await tell(push(5))
    await tell(push(4))
    expect(versions(socket)).toEqual([1, 3, 4, 5])
  })

  test('goes on after a sleep with the version that comes next', async () => {
    parts.snapshot = async () => await Promise.resolve([push(1)])
    const socket = await subscribed(sessionOf(60))
    vi.spyOn(console, 'log').mockImplementation(() => undefined)
    stream = new AccountStream(state, BINDINGS)
    await tell(push(1))
    await tell(push(2))
    expect(versions(socket)).toEqual([1, 2])
  })
})

describe('a socket', () => {
  test('is refused where the account has twenty, and one that closed makes room', async () => {
    const sockets: FakeSocket[] = []
    for (let n = 0; n < 20; n += 1) sockets.push(await open(sessionOf(60)))
    const url = `https://stream/open?session=${encodeURIComponent(JSON.stringify(sessionOf(60)))}`
    expect((await stream.fetch(new Request(url))).status).toBe(429)
    expect(sockets.every(({ closed }) => closed === undefined)).toBe(true)
    sockets[0]!.close(1000, '')
    await open(sessionOf(60))
  })

  test('may say a hundred things in ten seconds and no more, and then as many again', async () => {
    const socket = await open(sessionOf(60))
    for (const seconds of [0, 10]) {
      at(seconds)
      for (let n = 0; n < 100; n += 1) await say(socket, { type: 'ping' })
      expect(socket.closed).toBeUndefined()
    }
    await say(socket, { type: 'ping' })
    expect(socket.closed).toEqual({ code: 1008, reason: 'at most 100 messages in 10 s' })
  })

  test('may say 16 KiB at once and not a byte more, in bytes and not in letters', async () => {
    for (const [text, code] of [
      ['x'.repeat(16_384), undefined],
      ['x'.repeat(16_385), 1009],
      ['é'.repeat(8_192), undefined],
      [`${'é'.repeat(8_192)}x`, 1009],
    ] as const) {
      for (const message of [text, new TextEncoder().encode(text).buffer]) {
        const socket = await open(sessionOf(60))
        await stream.webSocketMessage(socket, message)
        expect([text.slice(0, 1), text.length, socket.closed?.code]).toEqual([
          text.slice(0, 1),
          text.length,
          code,
        ])
        socket.closed ??= { code: 1000, reason: '' }
      }
    }
  })

  test('whose client closes it is closed from here too', async () => {
    const socket = await open(sessionOf(60))
    stream.webSocketClose(socket)
    expect(socket.closed).toEqual({ code: 1000, reason: 'closed by the client' })
  })
})
