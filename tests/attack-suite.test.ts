/**
 * One set of attacks over every endpoint. The endpoints come from the function files themselves, so a new function is
 * attacked from its first day. Each attack is refused with the contract's code, and the victim's rows stay as they were.
 */
import { describe, expect, test } from 'vitest'
import {
  client,
  credentials,
  each,
  endpoints,
  expectFamily,
  expectRefused,
  having,
  jwtSecret,
  shoot,
  userKey,
  victim,
} from './support/attacker.ts'
import * as attacks from './support/attacks.ts'
import { filledPath, functionFiles, NOT_ATTACKED, sampleBody } from './support/endpoints.ts'

test('the suite sees every function file: each has endpoints, or a reason why it has none', () => {
  const covered = new Set(endpoints.map(({ file }) => file))
  for (const file of functionFiles()) expect(covered.has(file) || file in NOT_ATTACKED, file).toBe(true)
  for (const name of ['session', 'read', 'admin', 'signed', 'open'] as const)
    expect(having(name).length, name).toBeGreaterThan(0)
})

test('the sample of every endpoint of the exchange family is right, so an attack differs from it by one thing', async () => {
  const other = await client.newAccount({ USDT: '1000', DF: '1000' })
  for (const listed of endpoints) {
    const { endpoint, path } = listed
    if (endpoint.access.kind === 'signed') continue
    const headers = credentials(listed)
    // A session of its own for each: one of the endpoints ends the session that calls it.
    if (headers.Authorization) headers.Authorization = `Bearer ${await client.sessionFor(other.account)}`
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
      expectFamily(listed.path, answer, 'METHOD_NOT_ALLOWED')
    }
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
