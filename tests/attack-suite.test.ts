/**
 * One set of attacks over every endpoint. The endpoints come from the function files themselves, so a new function is
 * attacked from its first day. Each attack is refused with the contract's code, and the victim's rows stay as they were.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { createApp } from '../functions/_lib/app.ts'
import { BODY_BYTES_MAX } from '../functions/_lib/limits.ts'
import { localSecrets } from '../scripts/stack/manifest.ts'
import * as attacks from './support/attacks.ts'
import { clientOf, type Answer } from './support/client.ts'
import {
  allEndpoints,
  bodyFields,
  filledPath,
  functionFiles,
  isAddressField,
  NOT_ATTACKED,
  sampleBody,
  type Listed,
} from './support/endpoints.ts'

const client = clientOf()
const endpoints = await allEndpoints()
const { jwtSecret } = await localSecrets(inject('stackFolder'))
/** The functions' variables as the stack gave them: NAME='value' lines. */
const functionsEnv = Object.fromEntries(
  (await readFile(join(inject('stackFolder'), 'functions.env'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 2, -1)]),
) as Record<string, string>
type User = Awaited<ReturnType<typeof client.newAccount>>

vi.spyOn(console, 'log').mockImplementation(() => undefined)
let victim: User
let userKey: string
let before: string
beforeAll(async () => {
  victim = await client.newAccount({ USDT: '1000', DF: '1000' })
  userKey = (await client.call('/api-keys', { token: victim.token, json: {} })).body.api_key
  before = await rows()
})
afterEach(async () => expect(await rows(), 'rows of the victim').toBe(before))
const rows = async () => {
  const [more] = await client.sql<{ counts: string }>(
    `select concat_ws(' ', (select count(*) from api_keys where account = $1), (select count(*) from agent_wallets where account = $1),
       (select count(*) from subaccounts where $1 in (subaccount, main_account)),
       (select coalesce(max(next_nonce), 0) from login_nonces where account = $1)) as counts`,
    [victim.account],
  )
  return `${await client.rowCounts(victim.account)} / ${more?.counts}`
}

const credentials = ({ endpoint }: Listed): Record<string, string> =>
  endpoint.access === 'admin'
    ? { 'X-API-Key': client.manifest.adminApiKey }
    : endpoint.access === 'session' || endpoint.access === 'read'
      ? { Authorization: `Bearer ${victim.token}` }
      : {}

interface Shot {
  headers?: Record<string, string>
  body?: string | Uint8Array
  type?: string
  method?: string
  params?: Record<string, string>
  query?: string
}
async function shoot(listed: Listed, shot: Shot = {}): Promise<Answer> {
  const { endpoint } = listed
  const method = shot.method ?? endpoint.method
  const body = shot.body ?? (endpoint.body ? JSON.stringify(sampleBody(listed, victim.account)) : undefined)
  const carries = body !== undefined && method !== 'GET'
  const path = filledPath(listed.path, victim.account, shot.params) + (shot.query ?? '')
  const response = await fetch(client.manifest.baseUrl.replace('/api/v1', '') + path, {
    method,
    headers: {
      ...(carries && shot.type !== '' ? { 'Content-Type': shot.type ?? 'application/json' } : {}),
      ...(shot.headers ?? credentials(listed)),
    },
    // Bytes carry no content type of their own; a text would be sent as text/plain.
    ...(carries ? { body: Buffer.from(body) } : {}),
  })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text === '' ? undefined : JSON.parse(text),
  }
}

const STATUS: Record<string, number> = {
  UNAUTHORIZED: 401,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
}

/** The exchange family answers the code; the wallet-signed family its envelope, whose texts its own tests hold. */
function expectRefused(listed: Listed, answer: Answer, error: string, attack: string): void {
  const what = `${listed.name}: ${attack}: ${answer.text.slice(0, 200)}`
  const status = STATUS[error] ?? 400
  expect(answer.headers.get('x-request-id'), what).toBeTruthy()
  if (listed.endpoint.renderError) {
    expect([400, status], what).toContain(answer.status)
    expect(answer.body, what).toMatchObject({
      success: false,
      error: expect.any(String),
      error_id: expect.any(String),
    })
    return
  }
  expect([answer.status, answer.body?.error], what).toEqual([status, error])
  expect(answer.body, what).toEqual({ error, message: expect.any(String), request_id: expect.any(String) })
}

/** A few at once: the attacks are many and each is one short request. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
    }),
  )
}
const having = (...access: string[]) => endpoints.filter(({ endpoint }) => access.includes(endpoint.access))
const withBody = endpoints.filter(({ endpoint }) => endpoint.body)

test('the suite sees every function file: each has endpoints, or a reason why it has none', () => {
  const covered = new Set(endpoints.map(({ file }) => file))
  for (const file of functionFiles()) expect(covered.has(file) || file in NOT_ATTACKED, file).toBe(true)
  for (const name of ['session', 'read', 'admin', 'none'])
    expect(having(name).length, name).toBeGreaterThan(0)
})

test('the sample of every endpoint of the exchange family is right, so an attack differs from it by one thing', async () => {
  const other = await client.newAccount({ USDT: '1000', DF: '1000' })
  for (const listed of endpoints) {
    const { endpoint, path } = listed
    if (endpoint.renderError) continue
    const headers = credentials(listed)
    if (headers.Authorization) headers.Authorization = `Bearer ${other.token}`
    const body = endpoint.body && JSON.stringify(sampleBody(listed, other.account))
    const filled = filledPath(path, other.account)
    const answer = await client.call(filled, {
      method: endpoint.method,
      headers,
      ...(body ? { json: body } : {}),
    })
    // A made-up id is not found and a made-up login not signed; both are past every check of form.
    const fine = answer.status === 200 || /NOT_FOUND$|^TIMESTAMP_EXPIRED$/.test(answer.body.error)
    expect(fine, `${listed.name}: ${answer.text}`).toBe(true)
  }
})

describe('credentials', () => {
  test('the forged tokens are forged by what their names say: the same token unforged opens', async () => {
    const good = attacks.goodToken(jwtSecret, attacks.goodClaims(victim.account))
    expect((await client.call('/spot/balances', { token: good })).status).toBe(200)
  })

  test.each(having('session', 'read').map((listed) => [listed.name, listed] as const))(
    '%s opens to no forged, foreign or missing credential',
    async (_name, listed) => {
      const tokens = Object.entries(attacks.forgedTokens(jwtSecret, victim.account))
      const shots: [string, Record<string, string>][] = [
        ['nothing', {}],
        ['an empty bearer', { Authorization: 'Bearer ' }],
        ['basic', { Authorization: `Basic ${Buffer.from(`a:${victim.token}`).toString('base64')}` }],
        ['a token without its scheme', { Authorization: victim.token }],
        ['two tokens', { Authorization: `Bearer ${victim.token} ${victim.token}` }],
        ['a token in a cookie', { Cookie: `token=${victim.token}` }],
        ['the admin key as a token', { Authorization: `Bearer ${client.manifest.adminApiKey}` }],
        ['a user key as a token', { Authorization: `Bearer ${userKey}` }],
        ...tokens.map(([name, token]): [string, Record<string, string>] => [
          name,
          { Authorization: `Bearer ${token}` },
        ]),
      ]
      await each(shots, async ([name, headers]) =>
        expectRefused(listed, await shoot(listed, { headers }), 'UNAUTHORIZED', name),
      )
    },
  )

  test.each(having('read').map((listed) => [listed.name, listed] as const))(
    '%s opens to no key but a live one of a user, also beside a good session',
    async (_name, listed) => {
      const keys = [
        client.manifest.adminApiKey,
        `tg_${'A'.repeat(43)}`,
        userKey.slice(0, -1),
        `${userKey}A`,
        userKey.toUpperCase(),
        victim.token,
        '%00',
      ]
      await each(keys, async (key) => {
        for (const session of [{}, { Authorization: `Bearer ${victim.token}` }])
          expectRefused(
            listed,
            await shoot(listed, { headers: { 'X-API-Key': key, ...session } }),
            'UNAUTHORIZED',
            `key ${key}`,
          )
      })
    },
  )

  test.each(having('session').map((listed) => [listed.name, listed] as const))(
    '%s is forbidden to API keys, also beside a good session',
    async (_name, listed) => {
      for (const headers of [{}, { Authorization: `Bearer ${victim.token}` }]) {
        const answer = await shoot(listed, { headers: { 'X-API-Key': userKey, ...headers } })
        expect([answer.status, answer.body.error]).toEqual([403, 'API Key permission denied'])
      }
    },
  )

  test.each(having('admin').map((listed) => [listed.name, listed] as const))(
    '%s opens to the admin key alone',
    async (_name, listed) => {
      const key = client.manifest.adminApiKey
      const shots: Record<string, string>[] = [
        {},
        { 'X-API-Key': '' },
        { 'X-API-Key': userKey },
        { 'X-API-Key': key.slice(0, -1) },
        { 'X-API-Key': `${key}0` },
        { 'X-API-Key': `${key}, ${key}` },
        { 'X-API-Key': key.toUpperCase() },
        { Authorization: `Bearer ${victim.token}` },
        { Authorization: `Bearer ${key}` },
      ]
      await each(shots, async (headers) =>
        expectRefused(
          listed,
          await shoot(listed, { headers }),
          'UNAUTHORIZED',
          JSON.stringify(Object.keys(headers)),
        ),
      )
    },
  )
})

test('a method that a path has not is 405 with an Allow that names those it has', async () => {
  await each(endpoints, async (listed) => {
    const allowed = endpoints
      .filter(({ path }) => path === listed.path)
      .map(({ endpoint }) => endpoint.method as string)
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter(
      (name) => !allowed.includes(name),
    )) {
      const answer = await shoot(listed, { method })
      expect(answer.status, `${method} ${listed.path}`).toBe(405)
      const named = (answer.headers.get('allow') ?? '').split(', ')
      expect(named, `${method} ${listed.path}`).toEqual(expect.arrayContaining(allowed))
      expect(named).not.toContain(method)
      expect(answer.body.error).toBe('METHOD_NOT_ALLOWED')
    }
  })
})

describe('bodies', () => {
  test.each(withBody.map((listed) => [listed.name, listed] as const))(
    '%s refuses what is no clean JSON object',
    async (_name, listed) => {
      const bodies = attacks.badBodies(sampleBody(listed, victim.account))
      await each(Object.entries(bodies), async ([name, { error, ...shot }]) =>
        expectRefused(listed, await shoot(listed, shot), error, name),
      )
    },
  )

  test.each(withBody.map((listed) => [listed.name, listed] as const))(
    '%s answers a body that never ends as soon as it is too long',
    async (_name, listed) => {
      const { answer, pulled, cancelled } = await endless(listed)
      expectRefused(listed, answer, 'PAYLOAD_TOO_LARGE', 'endless')
      expect(pulled).toBeLessThan(BODY_BYTES_MAX + 4096)
      expect(cancelled).toBe(true)
    },
  )

  test('every field of the wrong type is refused by name', async () => {
    await each(withBody, async (listed) => {
      for (const name of Object.keys(bodyFields(listed.endpoint))) {
        const body = JSON.stringify({ ...sampleBody(listed, victim.account), [name]: { not: ['this'] } })
        const answer = await shoot(listed, { body })
        expectRefused(listed, answer, 'INVALID_REQUEST', `${name} is an object`)
        if (!listed.endpoint.renderError) expect(answer.body.message).toContain(name)
      }
    })
  })
})

test('every near miss of an amount is refused, wherever an amount is taken', async () => {
  const takers = withBody.filter(({ endpoint }) => 'amount' in bodyFields(endpoint))
  expect(takers.length).toBeGreaterThan(1)
  const shots = takers.flatMap((listed) =>
    [
      ...attacks.BAD_AMOUNTS.map((amount) => [amount, 'INVALID_AMOUNT'] as const),
      ...attacks.NON_POSITIVE_AMOUNTS.map((amount) => [amount, 'AMOUNT_NON_POSITIVE'] as const),
      ...attacks.NO_AMOUNTS.map((amount) => [amount, 'INVALID_REQUEST'] as const),
    ].map(([amount, error]) => ({ listed, amount, error })),
  )
  await each(shots, async ({ listed, amount, error }) => {
    const body = JSON.stringify({ ...sampleBody(listed, victim.account), amount })
    expectRefused(
      listed,
      await shoot(listed, { body }),
      error,
      `amount ${JSON.stringify(amount).slice(0, 60)}`,
    )
  })
})

test('every near miss of an address is refused, wherever an address is taken', async () => {
  const shots = endpoints.flatMap((listed) => {
    const inBody = Object.keys(bodyFields(listed.endpoint)).filter(isAddressField)
    const inPath = [...listed.path.matchAll(/:([a-z_]+)/g)]
      .map((match) => match[1] ?? '')
      .filter(isAddressField)
    return [
      ...inBody.flatMap((name) =>
        attacks.BAD_ADDRESSES.map((address) => ({ listed, name, address, where: 'body' })),
      ),
      ...inBody.flatMap((name) =>
        attacks.NO_ADDRESSES.map((address) => ({ listed, name, address, where: 'body' })),
      ),
      ...inPath.flatMap((name) =>
        attacks.BAD_ADDRESSES.map((address) => ({ listed, name, address, where: 'path' })),
      ),
    ]
  })
  expect(shots.length).toBeGreaterThan(50)
  await each(shots, async ({ listed, name, address, where }) => {
    const shot =
      where === 'path'
        ? { params: { [name]: address as string } }
        : { body: JSON.stringify({ ...sampleBody(listed, victim.account), [name]: address }) }
    const bad = name === 'recipient' ? 'INVALID_RECIPIENT' : 'INVALID_ADDRESS'
    const error = typeof address === 'string' ? bad : 'INVALID_REQUEST'
    expectRefused(listed, await shoot(listed, shot), error, `${name} ${JSON.stringify(address).slice(0, 60)}`)
  })
})

test('a filter that is unknown or given twice is refused, wherever filters are taken', async () => {
  await each(
    endpoints.filter(({ endpoint }) => endpoint.query),
    async (listed) => {
      for (const query of [
        '?unknown=1',
        '?__proto__=1',
        '?constructor=1',
        '?limit=1&limit=1',
        '?account=0x0',
        '?=1',
      ])
        expectRefused(listed, await shoot(listed, { query }), 'INVALID_REQUEST', query)
    },
  )
})

/**
 * Gives an endpoint a body without an end. The Worker is called here, not through `wrangler dev`, whose proxy answers 503
 * to the requests that follow one whose body was broken off.
 */
async function endless(listed: Listed): Promise<{ answer: Answer; pulled: number; cancelled: boolean }> {
  let pulled = 0
  let cancelled = false
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (pulled > 2 ** 20) controller.error(new Error('still reading'))
      pulled += 1024
      controller.enqueue(new Uint8Array(1024).fill(0x20))
    },
    cancel: () => void (cancelled = true),
  })
  const url = client.manifest.baseUrl.replace('/api/v1', '') + filledPath(listed.path, victim.account)
  const headers = { ...credentials(listed), 'Content-Type': 'application/json' }
  const init = { method: listed.endpoint.method, headers, body, duplex: 'half' } as RequestInit
  const response = await createApp([{ functionName: listed.file, endpoints: [listed.endpoint] }]).fetch(
    new Request(url, init),
    functionsEnv,
  )
  const text = await response.text()
  const answer = {
    status: response.status,
    headers: response.headers,
    text,
    body: JSON.parse(text) as unknown,
  }
  return { answer, pulled, cancelled }
}
