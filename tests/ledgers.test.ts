/** As whom each function comes to the ledger. */
import { afterEach, expect, test, vi } from 'vitest'
import * as z from 'zod/mini'
import { JOBS, loginOf, type Job } from '../db/logins.ts'
import apiKeys from '../functions/api-keys.ts'
import health from '../functions/health.ts'
import spotBalances from '../functions/spot-balances.ts'
import { parseEnv } from '../functions/_lib/env-read.ts'
import { createApp } from '../functions/_lib/http/serve.ts'
import { LEDGERS } from '../functions/_lib/ledgers.ts'
import { issueSession } from '../functions/_lib/access/session-token.ts'
import { JOB_OF } from '../scripts/deploy/settings.ts'
import { urlsByVariable } from '../scripts/stack/stack-env.ts'
import { allEndpoints } from './support/endpoints.ts'

/** A new function is written here, under the job that needs the least. */
const FUNCTIONS: Record<Job, string[]> = {
  reads: ['perp-balances', 'spot-balances', 'spot-deposits', 'spot-transfers', 'stream'],
  sessions: ['api-keys', 'auth', 'auth-logout'],
  transfers: ['spot-transfer'],
  withdrawals: ['spot-withdraw-request', 'spot-withdrawals'],
  signed: [
    ...[
      'agent-bind',
      'agent-list',
      'agent-revoke',
      'agent-revoke-all',
      'subaccount-create',
      'subaccount-list',
    ],
    ...['subaccount-spot-transfer', 'subaccount-transfer'],
  ],
  admin: ['admin-credit'],
  // Its cron has no endpoint: the schema of its variables has the one login.
  settle: [],
  public: ['health', 'wallet-tokens'],
}

afterEach(() => vi.unstubAllGlobals())

test('every endpoint comes to the ledger as its own job, and one that needs no ledger as nobody', async () => {
  const listed = await allEndpoints({ 'settle.ts': 'has no endpoint' })
  const found = new Map<string, Set<string>>()
  for (const { file, endpoint } of listed) {
    const job = endpoint.ledger?.job ?? 'none'
    found.set(job, (found.get(job) ?? new Set()).add(file.replace(/\.ts$/, '')))
  }
  for (const job of JOBS) expect([job, [...(found.get(job) ?? [])].sort()]).toEqual([job, FUNCTIONS[job]])
  expect([...(found.get('none') ?? [])]).toEqual(['docs', 'time', 'wallet'])
})

test('each job has one variable, which names it, and no two have the same', () => {
  expect(LEDGERS.map(({ job }) => job).sort()).toEqual([...JOBS].sort())
  for (const { job, variable, env } of LEDGERS) {
    expect([variable, JOB_OF[variable]]).toEqual([`${job.toUpperCase()}_DATABASE_URL`, job])
    expect(Object.keys(env)).toEqual([variable])
  }
})

test.each(JOBS)(
  'the variable of %s takes its own login’s string and no other’s, whose password no error shows',
  (job) => {
    const { variable, env } = LEDGERS.find((one) => one.job === job)!
    const read = (user: string) =>
      parseEnv(z.object(env), { [variable]: `postgresql://${user}:canary-of-it@db.example.com/d` })
    expect(read(loginOf(job))).toEqual({ [variable]: expect.stringContaining(`//${loginOf(job)}:`) })
    const others = JOBS.filter((other) => other !== job).map(loginOf)
    for (const user of [
      ...others,
      'neondb_owner',
      'tidegate',
      `${loginOf(job)}_`,
      loginOf(job).toUpperCase(),
    ]) {
      expect(() => read(user)).toThrow(
        `bad or missing configuration: ${variable} (a postgresql: URL with the user ${loginOf(job)}, password,`,
      )
      expect(() => read(user)).toThrow(/^(?!.*canary)/s)
    }
  },
)

test('one Worker for several jobs calls the ledger with each job’s own connection string', async () => {
  const used: string[] = []
  vi.stubGlobal('fetch', async (_url: unknown, init: { headers: Record<string, string> }) => {
    used.push(new URL(new Headers(init.headers).get('neon-connection-string') ?? '').username)
    return await Promise.resolve(Response.json({ fields: [], rows: [], command: 'SELECT', rowCount: 0 }))
  })
  for (const name of ['log', 'error'] as const) vi.spyOn(console, name).mockImplementation(() => undefined)
  const JWT_SECRET = 'x'.repeat(32)
  const session = { JWT_SECRET, JWT_TTL_SECONDS: 600 }
  const account = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'
  const { token } = await issueSession(session, account, Math.floor(Date.now() / 1000))
  const env = {
    ...urlsByVariable((job) => `postgresql://${loginOf(job)}:p@db.example.com/d`),
    ...{ JWT_SECRET, RATE_LIMITS: 'off' },
  }
  const context = { waitUntil: () => undefined, passThroughOnException: () => undefined } as never
  const app = createApp([apiKeys, health, spotBalances])
  const headers = { Authorization: `Bearer ${token}` }
  for (const path of ['/api/v1/spot/balances', '/health', '/api/v1/api-keys', '/api/v1/spot/balances'])
    await app.fetch(new Request(`https://api.example.com${path}`, { headers }), env, context)
  expect(used).toEqual(['tidegate_reads', 'tidegate_public', 'tidegate_sessions', 'tidegate_reads'])
})
