/** Sockets that nobody has signed in on yet, in this process, with a clock of the test's own. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { LedgerRefusal } from '../db/errors.ts'
import { ApiError, unauthorized } from '../functions/_lib/errors.ts'
import { FakeSocket, stubSockets } from './support/fake-sockets.ts'

/** By a path that the compiler does not follow: it is a Worker's, and these are Node's types. */
const FILE = '../functions/_lib/stream/lobby.ts'
interface Visit {
  address: string
  signIn(token: string): Promise<object>
  open(caller: object): Promise<FakeSocket>
  failed(error: unknown): void
}
const { waitForSignIn } = (await import(/* @vite-ignore */ FILE)) as {
  waitForSignIn(visit: Visit): FakeSocket
}

let servers: FakeSocket[]
let nowMs = 1_800_000_000_000
beforeEach(() => {
  // Later each time: what one test left waiting is over in the next.
  nowMs += 1_000_000
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: nowMs })
  servers = stubSockets()
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

let host: FakeSocket
let failures: unknown[]
function guest(change: Partial<Visit> = {}): FakeSocket {
  host = new FakeSocket()
  failures = []
  waitForSignIn({
    address: '203.0.113.1',
    signIn: async () => await Promise.resolve({ account: '0xaa' }),
    open: async () => await Promise.resolve(host),
    failed: (error) => void failures.push(error),
    ...change,
  })
  return servers.at(-1)!
}
const refusing = (error: Error) => ({ signIn: async () => await Promise.reject(error) })
const says = async (socket: FakeSocket, message: object) => {
  socket.says(JSON.stringify(message))
  await vi.advanceTimersByTimeAsync(0)
}
const AUTH = { type: 'auth', token: 't' }
const CHANNEL = { channel: 'spot:user:balances' }
const comesIn = (address: string) => {
  try {
    return guest({ address }) && true
  } catch (error) {
    expect(error).toMatchObject({ code: 'RATE_LIMITED', headers: { 'Retry-After': '10' } })
    return false
  }
}

describe('who waits', () => {
  test('is let in fifty times by one address and no more; others still come in, and who leaves makes room', () => {
    for (let n = 0; n < 50; n += 1) expect(comesIn('203.0.113.1')).toBe(true)
    expect(comesIn('203.0.113.1')).toBe(false)
    expect(comesIn('203.0.113.2')).toBe(true)
    servers[0]!.hangsUp()
    expect([comesIn('203.0.113.1'), comesIn('203.0.113.1')]).toEqual([true, false])
  })

  test('is one of a thousand at most, and seats come back also where nobody heard that a socket was lost', () => {
    for (let n = 0; n < 1_000; n += 1) expect(comesIn(`address ${n}`)).toBe(true)
    expect(comesIn('one more')).toBe(false)
    vi.setSystemTime(nowMs + 20_000 - 1)
    expect(comesIn('one more')).toBe(false)
    vi.setSystemTime(nowMs + 20_000)
    expect(comesIn('one more')).toBe(true)
  })

  test('has ten seconds to sign in, and not a moment more; who has signed in stays', async () => {
    const [late, inTime] = [guest(), guest()]
    await vi.advanceTimersByTimeAsync(10_000 - 1)
    await says(inTime, AUTH)
    expect(late.closed).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1)
    expect([late.closed, inTime.closed]).toEqual([{ code: 4401, reason: 'sign in within 10 s' }, undefined])
  })

  test('may say twenty things, and the next closes the socket', async () => {
    const socket = guest()
    for (let n = 0; n < 20; n += 1) await says(socket, { type: 'ping' })
    expect([socket.types.length, socket.closed]).toEqual([20, undefined])
    await says(socket, { type: 'ping' })
    expect(socket.closed?.code).toBe(1008)
  })

  test('is told to sign in first whatever it asks for, and nothing reaches an account’s object', async () => {
    const socket = guest()
    await says(socket, { type: 'subscribe', ...CHANNEL })
    socket.says('{')
    await vi.advanceTimersByTimeAsync(0)
    expect(socket.sent.map((text) => (JSON.parse(text) as { code: string }).code)).toEqual([
      'AUTH_REQUIRED',
      'INVALID_MESSAGE',
    ])
    expect(host.sent).toEqual([])
  })
})

describe('a token', () => {
  test('that is good joins the account’s object: what both say passes, and the seat is free', async () => {
    const socket = guest()
    await says(socket, { type: 'subscribe', ...CHANNEL, token: 't' })
    expect(socket.types).toEqual(['auth_result'])
    // Without the token.
    expect(host.sent).toEqual([JSON.stringify({ type: 'subscribe', ...CHANNEL })])
    await says(socket, { type: 'ping' })
    host.says('{"type":"pong"}')
    expect([host.types, socket.types]).toEqual([
      ['subscribe', 'ping'],
      ['auth_result', 'pong'],
    ])
    for (let n = 0; n < 50; n += 1) expect(comesIn('203.0.113.1')).toBe(true)
  })

  test.each([
    ['is not valid', unauthorized(), 4401],
    ['is of a session that has ended', new LedgerRefusal('session_ended', undefined), 4401],
    ['cannot be checked now', new ApiError('ISSUER_UNAVAILABLE', 'wait'), 4401],
  ] as const)('that %s may be tried five times', async (_name, error, code) => {
    const socket = guest(refusing(error))
    for (let tries = 1; tries <= 5; tries += 1) {
      expect([tries, socket.closed]).toEqual([tries, undefined])
      await says(socket, AUTH)
      expect(socket.types).toHaveLength(tries)
    }
    expect([socket.closed?.code, failures, host.sent]).toEqual([code, [], []])
  })

  test.each([
    ['a limit was passed', new ApiError('RATE_LIMITED', 'wait'), false],
    ['something went wrong here', new Error('secret words'), true],
  ] as const)('where %s ends the wait, to come again', async (_name, error, isLogged) => {
    const socket = guest(refusing(error))
    await says(socket, AUTH)
    expect(socket.closed).toEqual({ code: 1013, reason: 'connect again later' })
    expect(socket.sent.join()).not.toContain('secret')
    expect(failures).toEqual(isLogged ? [error] : [])
  })

  test('that opens the object after the client is gone leaves no socket to it', async () => {
    let give!: (socket: FakeSocket) => void
    const socket = guest({ open: async () => await new Promise((resolve) => (give = resolve)) })
    await says(socket, AUTH)
    socket.hangsUp(1006)
    give(host)
    await vi.advanceTimersByTimeAsync(0)
    expect([host.closed?.code, socket.types]).toEqual([1001, []])
  })
})

describe('the end of one end', () => {
  test.each([
    [1000, 1000],
    [1005, 1000],
    [1006, 1001],
    [1015, 1001],
    [4000, 4000],
  ])('with %i is the end of the other with %i', async (code, told) => {
    const socket = guest()
    await says(socket, AUTH)
    socket.hangsUp(code, 'why')
    expect(host.closed).toEqual({ code: told, reason: 'why' })
    const other = guest()
    await says(other, AUTH)
    host.hangsUp(code, 'why')
    expect(other.closed).toEqual({ code: told, reason: 'why' })
  })
})
