/** A token that comes over the socket, of a session that has ended: the Worker runs in this process, and its ledger refuses. */
import { expect, test, vi } from 'vitest'
import { LedgerRefusal } from '../db/errors.ts'
import { issueSession } from '../functions/_lib/access/session-token.ts'
import type { Worker } from '../functions/_lib/http/serve.ts'
import { RATES } from '../functions/_lib/limits.ts'
import { urlsByVariable } from '../scripts/stack/stack-env.ts'
import { FakeSocket, stubSockets } from './support/fake-sockets.ts'

vi.mock('../db/ledger/health.ts', () => ({
  ping: async () => await Promise.reject(new LedgerRefusal('session_ended', undefined)),
}))
vi.spyOn(console, 'log').mockImplementation(() => undefined)

/** By a path that the compiler does not follow: it is a Worker's, and these are Node's types. */
const FILE = '../functions/stream.ts'
const { default: stream } = (await import(/* @vite-ignore */ FILE)) as { default: Worker }
const ACCOUNT = `0x${'aa'.repeat(20)}`
const JWT_SECRET = 'x'.repeat(32)

test('a thief of an ended session uses up none of its account’s calls by sending the token over sockets', async () => {
  const servers = stubSockets()
  const now = Math.floor(Date.now() / 1000)
  const { token } = await issueSession({ JWT_SECRET, JWT_TTL_SECONDS: 60 }, ACCOUNT, now)
  const counted: string[] = []
  const opened: string[] = []
  const limits = Object.keys(RATES).map((name) => {
    const limit = async ({ key }: { key: string }) => {
      counted.push(`${name} ${key}`)
      return await Promise.resolve({ success: true })
    }
    return [name, { limit }] as const
  })
  const fetch = async () => await Promise.resolve({ webSocket: new FakeSocket() })
  const STREAM = {
    idFromName: (name: string) => name,
    get: (name: string) => (opened.push(name), { fetch }),
  }
  const env = {
    ...urlsByVariable((job) => `postgresql://tidegate_${job}:p@127.0.0.1:1/none`),
    ...{ JWT_SECRET, STREAM, ...Object.fromEntries(limits) },
  }
  await stream.fetch(new Request('https://api.example.com/ws', { headers: { Upgrade: 'websocket' } }), env)
  const [socket] = servers
  for (let tries = 1; tries <= 3; tries += 1) {
    socket?.says(JSON.stringify({ type: 'auth', token }))
    await vi.waitFor(() => expect(socket?.sent).toHaveLength(tries))
  }
  expect(socket?.sent.map((text) => JSON.parse(text) as { success: boolean })).toEqual(
    Array(3).fill(expect.objectContaining({ type: 'auth_result', success: false })),
  )
  // The first only, which nobody here knew of. Every later one is a guess of whoever makes it.
  expect(counted.filter((count) => count.endsWith(ACCOUNT))).toEqual([`RATE_READ ${ACCOUNT}`])
  expect(counted.filter((count) => count.startsWith('RATE_AUTH_FAILURES'))).toHaveLength(2)
  expect(opened).toEqual([ACCOUNT])
})
