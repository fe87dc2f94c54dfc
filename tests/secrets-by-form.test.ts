/** Whatever stands in a variable that should hold a secret, nothing of it is told to anybody. */
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createApp, type Worker } from '../functions/_lib/http/serve.ts'
import { projectRoot } from '../scripts/stack/manifest.ts'
import { EVERY_SECRET } from '../scripts/deploy-check/secrets.ts'
import { goodClaims, goodToken } from './support/attacks.ts'
import { hostileFetch, type Sent } from './support/hostile-network.ts'
import { functionsEnv } from './support/in-process.ts'
import { showsSecret, spelling, type Spelt } from './support/secret-spellings.ts'
import { freshTime, newSolana } from './support/subaccounts.ts'
import { witnessBinding } from './support/witness.ts'

interface Module {
  default: Worker & { scheduled(event: undefined, bindings: Record<string, unknown>): Promise<void> }
}
const functionOf = async (name: string) =>
  ((await import(/* @vite-ignore */ join(projectRoot, `functions/${name}.ts`))) as Module).default
const adminCredit = await functionOf('admin-credit')
const auth = await functionOf('auth')
const health = await functionOf('health')
const settle = await functionOf('settle')
const spotBalances = await functionOf('spot-balances')
const spotTransfer = await functionOf('spot-transfer')
const spotWithdrawRequest = await functionOf('spot-withdraw-request')
const subaccountList = await functionOf('subaccount-list')

const SPELLINGS = 10_500
const WITNESS = witnessBinding()
const account = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'
const written: string[] = []
const sent: Sent[] = []
let env: Record<string, string>

beforeAll(async () => {
  env = { ...(await functionsEnv()), RATE_LIMITS: 'off', ALERT_WEBHOOK_URL: 'https://hooks.example.com/good' }
  for (const name of ['log', 'info', 'warn', 'error', 'debug'] as const)
    vi.spyOn(console, name).mockImplementation((...words) => void written.push(words.map(String).join(' ')))
  vi.stubGlobal('fetch', hostileFetch(sent, reserved))
})
afterAll(() => vi.unstubAllGlobals())
beforeEach(() => {
  written.length = 0
  sent.length = 0
})

/** The one thing that goes well is a reservation, so that the signer is asked. */
function reserved({ body }: Sent): Response | undefined {
  if (!body.includes('ledger.reserve(')) return undefined
  const reservation = {
    ...{ id: '019a0b3c-5d1e-7c4a-9b1a-0c8e2f4d6a10', account, contract: account },
    ...{ amount_in_wei: '1', nonce: 0, deadline: 1_900_000_000 },
  }
  const result = JSON.stringify({ outcome: 'reserved', reservation, pushes: [] })
  const fields = [{ name: 'result', dataTypeID: 3802 }]
  return Response.json({ fields, rows: [[result]], command: 'SELECT', rowCount: 1, rowAsArray: true })
}

const waiting: Promise<unknown>[] = []
const context = {
  waitUntil: (work: Promise<unknown>) => void waiting.push(work),
  passThroughOnException: () => undefined,
} as never

/** Everything a call of the function gives away, beside what it wrote. */
async function answerOf(worker: Worker, request: Request, bindings: Record<string, string>): Promise<string> {
  const response = await createApp([worker]).fetch(request, { ...bindings, WITNESS }, context)
  await Promise.allSettled(waiting.splice(0))
  return `${response.status} ${JSON.stringify([...response.headers])} ${await response.text()}`
}

const call = (path: string, headers: Record<string, string> = {}, body?: object) =>
  new Request(`https://api.example.com${path}`, {
    headers: { 'Content-Type': 'application/json', ...headers },
    ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
  })
const bearer = () => ({ Authorization: `Bearer ${goodToken(env.JWT_SECRET!, goodClaims(account))}` })

/** One function that reads the variable, made to do with it what it is for. */
const USES: Record<string, (bindings: Record<string, string>) => Promise<string>> = {
  PUBLIC_DATABASE_URL: async (bindings) => await answerOf(health, call('/health'), bindings),
  READS_DATABASE_URL: async (bindings) =>
    await answerOf(spotBalances, call('/api/v1/spot/balances', bearer()), bindings),
  SESSIONS_DATABASE_URL: async (bindings) =>
    await answerOf(auth, call(`/api/v1/auth/nonce/${account}`), bindings),
  SIGNED_DATABASE_URL: async (bindings) => {
    const body = await newSolana().body('list_subaccounts', {}, { timestamp: freshTime() })
    return await answerOf(subaccountList, call('/api/v1/account/subaccount/list', {}, body), bindings)
  },
  TRANSFERS_DATABASE_URL: async (bindings) => {
    const move = { token: 'USDT', direction: 'perp_to_spot', amount: '1' }
    return await answerOf(spotTransfer, call('/api/v1/spot/transfer', bearer(), move), bindings)
  },
  WITHDRAWALS_DATABASE_URL: withdrawn,
  JWT_SECRET: async (bindings) =>
    await answerOf(spotBalances, call('/api/v1/spot/balances', bearer()), {
      ...bindings,
      JWT_PRIVATE_KEY: '',
    }),
  JWT_PRIVATE_KEY: async (bindings) =>
    await answerOf(spotBalances, call('/api/v1/spot/balances', bearer()), bindings),
  ADMIN_API_KEY: async (bindings) => await answerOf(adminCredit, creditBy('wrong'), bindings),
  ADMIN_DATABASE_URL: async (bindings) => await answerOf(adminCredit, creditBy(env.ADMIN_API_KEY!), bindings),
  RPC_URL: ran,
  SETTLE_DATABASE_URL: ran,
  ALERT_WEBHOOK_URL: ran,
  AWS_ACCESS_KEY_ID: withdrawn,
  AWS_SECRET_ACCESS_KEY: withdrawn,
  AWS_SESSION_TOKEN: withdrawn,
}

const creditBy = (key: string) =>
  call(
    '/api/v1/admin/spot/balances/credit',
    { 'X-API-Key': key },
    { user_address: account, token: 'DF', amount: '1' },
  )

async function withdrawn(bindings: Record<string, string>): Promise<string> {
  const request = call('/api/v1/spot/withdraw/request', bearer(), { token: 'DF', amount: '2' })
  return await answerOf(spotWithdrawRequest, request, bindings)
}

async function ran(bindings: Record<string, string>): Promise<string> {
  // What a cron function throws, the runtime writes into the log.
  return await settle.scheduled(undefined, { ...bindings, WITNESS }).then(
    () => 'ok',
    (error: Error) => `${error.message} ${error.stack} ${String(error.cause)}`,
  )
}

/** Where the secret shows: an answer, a line of the log, or a request to anybody but its own owner. */
async function leaks(name: string, spelt: Spelt): Promise<string[]> {
  written.length = 0
  sent.length = 0
  const answer = await USES[name]!({ ...env, [name]: spelt.text })
  const told = sent.filter(({ url }) => url.startsWith('https://hooks.example.com/')).map(({ body }) => body)
  return [answer, ...written, ...told].flatMap((output) => {
    const shown = showsSecret(spelt, output)
    return shown === undefined ? [] : [`${shown} in ${output}`]
  })
}

describe('a secret that is spelt in any way', () => {
  test('is tried at every variable that holds one', () => {
    expect(Object.keys(USES).sort()).toEqual(EVERY_SECRET)
  })

  const runs = Math.ceil(SPELLINGS / EVERY_SECRET.length)
  test.each(EVERY_SECRET)(
    `in %s shows in no log line, answer, alert or error (${runs} spellings)`,
    async (name) => {
      await fc.assert(
        fc.asyncProperty(spelling(name), async (spelt) => {
          expect(await leaks(name, spelt)).toEqual([])
        }),
        { numRuns: runs },
      )
    },
  )

  test('would be seen: the search finds a secret in each form that it can be written in', () => {
    const spelt = { core: 'abcdefghijklm/nopqrstuvwxyz0123', text: 'x' }
    const { core } = spelt
    for (const output of [
      core,
      core.slice(8, 22),
      encodeURIComponent(core),
      Buffer.from(core).toString('base64'),
    ])
      expect(showsSecret(spelt, `{"message":"before ${output} after"}`), output).toBeDefined()
    expect(showsSecret(spelt, JSON.stringify({ a: `${core.slice(0, 6)}\n${core.slice(6)}` }))).toBeDefined()
    expect(showsSecret(spelt, 'bad or missing configuration')).toBeUndefined()
  })
})

describe('what a right secret is used for', () => {
  test('is reached by these calls, so that their silence says something', async () => {
    for (const [name, host] of [
      ...EVERY_SECRET.filter((one) => /_DATABASE_URL$/.test(one)).map((one) => [one, '127.0.0.1'] as const),
      ['AWS_SECRET_ACCESS_KEY', new URL(env.KMS_ENDPOINT!).host],
      ['ALERT_WEBHOOK_URL', 'hooks.example.com'],
    ] as const) {
      sent.length = 0
      await USES[name]!(env)
      expect(sent.map(({ url }) => new URL(url).host).join(), name).toContain(host)
    }
  })
})
