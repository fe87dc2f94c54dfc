/**
 * Every error keeps its family: below /account/ and /agent/ it comes in the wallet-signed envelope, elsewhere in that of the
 * exchange, whoever finds it. Asked of the gateway, and of each function file as it is deployed alone.
 */
import { describe, expect, test, vi } from 'vitest'
import { issueSession } from '../functions/_lib/access/session-token.ts'
import type { Worker } from '../functions/_lib/http/serve.ts'
import { urlsByVariable } from '../scripts/stack/stack-env.ts'
import { client, expectFamily } from './support/attacker.ts'
import { allEndpoints, filledPath, functionFiles, sampleBody, type Listed } from './support/endpoints.ts'

vi.spyOn(console, 'log').mockImplementation(() => undefined)
vi.spyOn(console, 'error').mockImplementation(() => undefined)

const JWT_SECRET = 'x'.repeat(32)
const ADMIN_API_KEY = 'admin'.repeat(8)
const ACCOUNT = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'
/** Enough of a configuration to come as far as the body. */
const ENV = {
  ...{ JWT_SECRET, RATE_LIMITS: 'off', ADMIN_API_KEY, TESTNET_ONLY: 'true', SPOT_ENABLED: 'true' },
  PLAYGROUND: 'true',
  ...{ CHAIN_ID: '31337', VAULT_ADDRESS: ACCOUNT, SIGNER_ADDRESS: ACCOUNT, RPC_URL: 'http://127.0.0.1:1' },
  ...{ AWS_REGION: 'eu-central-1', KMS_KEY_ID: 'key' },
  ...{ AWS_ACCESS_KEY_ID: 'A'.repeat(20), AWS_SECRET_ACCESS_KEY: 'a'.repeat(40) },
  ...urlsByVariable((job) => `postgresql://tidegate_${job}:p@127.0.0.1:1/none`),
}
const { token } = await issueSession(
  { JWT_SECRET, JWT_TTL_SECONDS: 600 },
  ACCOUNT,
  Math.floor(Date.now() / 1000),
)
const NO_ROUTE = [
  ...[
    '/api/v1/account/x',
    '/api/v1/account/',
    '/api/v1/account/subaccount',
    '/api/v1/account/subaccount/create/',
  ],
  ...[
    '/api/v1/agent/x',
    '/api/v1/agent/',
    '/api/v1/agent/bind/',
    '/api/v1/agent/bind%20',
    '/api/v1/agent/%00',
  ],
  ...[
    '/x',
    '/api/v1',
    '/api/v1/x',
    '/api/v1/accounts/x',
    '/api/v1/agents',
    '/api/v2/agent/x',
    '/agent/bind',
    '/api/v1/spot/agent/x',
  ],
]

type Ask = (
  path: string,
  init?: RequestInit,
) => Promise<{ status: number; text: string; headers: Headers; body: unknown }>
const reading = async (response: Response) => {
  const text = await response.text()
  const body = text === '' ? undefined : (JSON.parse(text) as unknown)
  return { status: response.status, headers: response.headers, text, body }
}
const asking =
  (worker: Worker, env: object = ENV): Ask =>
  async (path, init) =>
    await reading(await worker.fetch(new Request(`https://api.example.com${path}`, init), env))

const workerOf = async (file: string) =>
  ((await import(/* @vite-ignore */ `../functions/${file}`)) as { default: Worker }).default

async function unknownPaths(ask: Ask): Promise<void> {
  for (const path of NO_ROUTE)
    for (const method of ['GET', 'POST', 'DELETE']) {
      const answer = await ask(path, { method })
      expect(answer.status, path).toBe(404)
      expectFamily(path, answer, 'NOT_FOUND')
    }
}

test('the gateway answers an unknown path in the envelope of its family', async () => {
  const origin = client.manifest.baseUrl.replace('/api/v1', '')
  await unknownPaths(async (path, init) => await reading(await fetch(origin + path, init)))
})

describe.each(functionFiles())('%s deployed alone', (file) => {
  test('answers an unknown path in the envelope of its family', async () => {
    await unknownPaths(asking(await workerOf(file)))
  })
})

/** Every endpoint but those that only a cron runs. */
const endpoints = await allEndpoints({ 'settle.ts': 'only the cron trigger runs it' })
const named = (list: Listed[]) => list.map((listed) => [listed.name, listed] as const)
const credentials = ({ endpoint }: Listed): Record<string, string> =>
  endpoint.access.kind === 'admin'
    ? { 'X-API-Key': ENV.ADMIN_API_KEY }
    : endpoint.access.kind === 'session' || endpoint.access.kind === 'read'
      ? { Authorization: `Bearer ${token}` }
      : {}
const send = async (ask: Ask, listed: Listed, body?: string, type = 'application/json') =>
  await ask(filledPath(listed.path, ACCOUNT), {
    method: listed.endpoint.method,
    headers: { ...credentials(listed), ...(body === undefined ? {} : { 'Content-Type': type }) },
    ...(body === undefined ? {} : { body }),
  })

test.each(named(endpoints))(
  '%s says what is wrong with a call in its family’s envelope',
  async (_name, listed) => {
    const worker = await workerOf(listed.file)
    const path = filledPath(listed.path, ACCOUNT)
    const own = worker.endpoints
      .filter((one) => listed.path.endsWith(one.path))
      .map(({ method }) => method as string)
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((one) => !own.includes(one))) {
      const answer = await asking(worker)(path, { method })
      expect(answer.status, `${method} ${path}`).toBe(405)
      expect(answer.headers.get('allow')?.split(', ')).toEqual(expect.arrayContaining(own))
      expectFamily(path, answer, 'METHOD_NOT_ALLOWED')
    }
  },
)

test.each(named(endpoints))(
  '%s says that it is limited, or broken, in its family’s envelope',
  async (_name, listed) => {
    const worker = await workerOf(listed.file)
    const body = listed.endpoint.body && JSON.stringify(sampleBody(listed, ACCOUNT))
    const full = { limit: async () => ({ success: false }) }
    const bindings = Object.fromEntries(
      ['PUBLIC', 'ADDRESS', 'SIGNED_ADDRESS'].map((name) => [`RATE_${name}`, full]),
    )
    const limited = await send(asking(worker, { ...ENV, ...bindings, RATE_LIMITS: 'on' }), listed, body)
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '10'])
    expectFamily(listed.path, limited, 'RATE_LIMITED')
    // Without its bindings: every endpoint has some.
    const broken = await send(asking(worker, { TESTNET_ONLY: 'true', PLAYGROUND: 'true' }), listed, body)
    expect(broken.status).toBe(500)
    expectFamily(listed.path, broken, listed.endpoint.internal)
  },
)

test.each(named(endpoints.filter(({ endpoint }) => endpoint.body)))(
  '%s says what is wrong with a body in its family’s envelope',
  async (_name, listed) => {
    const ask = asking(await workerOf(listed.file))
    const shots = [
      [413, 'PAYLOAD_TOO_LARGE', ' '.repeat(16 * 1024 + 1), 'application/json'],
      [415, 'UNSUPPORTED_MEDIA_TYPE', '{}', 'text/plain'],
      [400, 'INVALID_REQUEST', '{', 'application/json'],
      [400, 'INVALID_REQUEST', '{"unknown":1}', 'application/json'],
    ] as const
    for (const [status, code, body, type] of shots) {
      const answer = await send(ask, listed, body, type)
      expect(answer.status, `${code}: ${answer.text}`).toBe(status)
      expectFamily(listed.path, answer, code)
    }
  },
)
