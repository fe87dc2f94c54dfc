import { createHash, randomUUID } from 'node:crypto'
import fc from 'fast-check'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { API_KEY_PATTERN, apiKeyOf, newApiKey } from '../functions/_lib/access/api-key.ts'
import { API_KEYS_PER_ACCOUNT_MAX } from '../functions/_lib/limits.ts'
import { clientOf } from './support/client.ts'
import { loginAs, outcomeOf } from './support/logins.ts'
import { until } from './support/until.ts'

const client = clientOf()
const create = async (token: string, json: unknown = {}) => await client.call('/api-keys', { token, json })
const revoke = async (token: string, id: string) =>
  await client.call(`/api-keys/${id}`, { token, method: 'DELETE' })

describe('the text of a key', () => {
  test('holds all 256 bits: the least and the greatest secret fit the pattern, and no two secrets share a text', () => {
    const ends = [new Uint8Array(32), new Uint8Array(32).fill(0xff)].map(apiKeyOf)
    for (const key of ends) expect(key).toMatch(API_KEY_PATTERN)
    const secret = fc.uint8Array({ minLength: 32, maxLength: 32 })
    fc.assert(
      fc.property(secret, secret, (a, b) => {
        expect(apiKeyOf(a)).toMatch(API_KEY_PATTERN)
        expect(apiKeyOf(a) === apiKeyOf(b)).toBe(Buffer.from(a).equals(Buffer.from(b)))
      }),
    )
  })

  test('a thousand new keys are a thousand different keys', () => {
    const keys = Array.from({ length: 1000 }, newApiKey)
    expect(new Set(keys).size).toBe(1000)
    expect(keys.every((key) => API_KEY_PATTERN.test(key))).toBe(true)
  })
})

describe('making a key', () => {
  test('shows it once, stores only its SHA-256, and the key reads its own account and nobody else’s', async () => {
    const user = await client.newAccount({ USDT: '7' })
    const made = await create(user.token, { label: 'tax report' })
    expect(made.status, made.text).toBe(200)
    expect(Object.keys(made.body)).toEqual(['id', 'api_key', 'label', 'created_at'])
    expect(made.body).toMatchObject({ label: 'tax report', api_key: expect.stringMatching(API_KEY_PATTERN) })
    expect(Math.abs(made.body.created_at - Date.now() / 1000)).toBeLessThan(60)
    expect(made.headers.get('cache-control')).toBe('no-store')

    const rows = await client.sql<{ row: string; hash: Buffer }>(
      'select k::text as row, key_hash as hash from api_keys k where account = $1',
      [user.account],
    )
    expect(rows).toHaveLength(1)
    expect(rows[0]?.row).not.toContain(made.body.api_key)
    expect(rows[0]?.hash.equals(createHash('sha256').update(made.body.api_key).digest())).toBe(true)

    const list = await client.call('/api-keys', { token: user.token })
    const { api_key: secret, ...shown } = made.body
    expect(list.body).toEqual({ api_keys: [shown] })
    expect(list.text).not.toContain(secret)
    const read = await client.call('/spot/balances', { apiKey: secret })
    expect(read.body.balances).toMatchObject([{ token: 'USDT', available: '7' }])
  })

  test('takes no label, null and any script; refuses what is empty, too long, invisible or no text', async () => {
    const user = await client.newAccount()
    for (const label of [undefined, null, 'x', 'x'.repeat(100), 'отчёт 税金', '🔑']) {
      const made = await create(user.token, { label })
      expect([made.status, made.body.label], made.text).toEqual([200, label ?? null])
    }
    for (const label of [
      '',
      'x'.repeat(101),
      'a\nb',
      'a\u0000',
      '\u202eabc',
      'a\u200bb',
      '\ud800',
      7,
      {},
      [],
    ]) {
      const made = await create(user.token, { label })
      expect([made.status, made.body.error], JSON.stringify(label)).toEqual([400, 'INVALID_REQUEST'])
    }
    expect((await client.call('/api-keys', { token: user.token })).body.api_keys).toHaveLength(6)
  })

  test('stops at 30 live keys even when 40 are asked for at once; a revoked one makes room', async () => {
    const user = await client.newAccount()
    const answers = await Promise.all(Array.from({ length: 40 }, async () => await create(user.token)))
    const made = answers.filter((answer) => answer.status === 200)
    const refused = answers.filter((answer) => answer.status !== 200)
    expect(made).toHaveLength(API_KEYS_PER_ACCOUNT_MAX)
    expect(new Set(refused.map((answer) => `${answer.status} ${answer.body.error}`))).toEqual(
      new Set(['400 LIMIT_REACHED']),
    )
    expect((await revoke(user.token, made[0]?.body.id)).status).toBe(200)
    const again = await Promise.all([create(user.token), create(user.token)])
    expect(again.map((answer) => answer.status).sort()).toEqual([200, 400])
    const listed = (await client.call('/api-keys', { token: user.token })).body.api_keys
    expect(listed).toHaveLength(API_KEYS_PER_ACCOUNT_MAX)
    const ids = (listed as { id: string }[]).map((key) => key.id)
    expect(ids).toEqual([...ids].sort().reverse())
  })

  test('waits for another one that is not committed yet, and counts it: the limit holds for both', async () => {
    const { account } = await client.newAccount()
    const make = `select ledger.create_api_key($1, 'raced', sha256($2::text::bytea), 1)`
    const first = new pg.Client({ connectionString: client.manifest.databaseUrl })
    await first.connect()
    try {
      const { rows } = await first.query<{ pid: number }>('select pg_backend_pid() as pid')
      await first.query('begin')
      await first.query(make, [account, randomUUID()])
      let said: string | undefined
      const second = client.sql(make, [account, randomUUID()]).then(
        () => (said = 'made'),
        (error: unknown) => (said = (error as Error).message),
      )
      const waiting = `select from pg_stat_activity where $1 = any(pg_blocking_pids(pid))`
      await until(
        async () => said !== undefined || (await client.sql(waiting, [rows[0]!.pid])).length > 0,
        'the second key to wait for the first',
      )
      await first.query('commit')
      expect(await second).toBe('limit_reached')
    } finally {
      await first.end()
    }
    const live = 'select from api_keys where account = $1 and revoked_at is null'
    expect(await client.sql(live, [account])).toHaveLength(1)
  })
})

describe('a revoked key', () => {
  test('opens nothing from the moment of the answer, and is unknown to a second revoke', async () => {
    const user = await client.newAccount()
    const { id, api_key: apiKey } = (await create(user.token)).body
    expect((await client.call('/perp/balances', { apiKey })).status).toBe(200)
    const gone = await revoke(user.token, id)
    expect([gone.status, gone.body.id]).toEqual([200, id])
    expect((await client.call('/perp/balances', { apiKey })).body.error).toBe('UNAUTHORIZED')
    const again = await revoke(user.token, id)
    expect([again.status, again.body.error]).toEqual([404, 'NOT_FOUND'])
    expect((await client.call('/api-keys', { token: user.token })).body.api_keys).toEqual([])
  })

  test('of two revokes at once one is told that it was first', async () => {
    const user = await client.newAccount()
    const { id } = (await create(user.token)).body
    const both = await Promise.all([revoke(user.token, id), revoke(user.token, id)])
    expect(both.map((answer) => answer.status).sort()).toEqual([200, 404])
  })

  test('cannot be somebody else’s, and what is no UUID is an invalid id; the key still opens', async () => {
    const [user, thief] = await Promise.all([client.newAccount(), client.newAccount()])
    const { id, api_key: apiKey } = (await create(user.token)).body
    for (const [token, target] of [
      [thief.token, id],
      [user.token, randomUUID()],
    ] as const) {
      const answer = await revoke(token, target)
      expect([answer.status, answer.body.error]).toEqual([404, 'NOT_FOUND'])
    }
    const upper = (id as string).toUpperCase()
    for (const target of ['1', `${id}0`, upper.replaceAll('-', ''), `${id}%0a`, '%27', apiKey]) {
      const answer = await revoke(user.token, target)
      expect([answer.status, answer.body.error], target).toEqual([400, 'invalid id'])
    }
    expect((await revoke(user.token, upper)).status).toBe(200)
    expect((await client.call('/perp/balances', { apiKey })).status).toBe(401)
  })
})

test('an API key makes, lists and revokes no keys, also when a session comes with it', async () => {
  const user = await client.newAccount()
  const { id, api_key: apiKey } = (await create(user.token)).body
  for (const credentials of [{ apiKey }, { apiKey, token: user.token }]) {
    const answers = [
      await client.call('/api-keys', { ...credentials, json: {} }),
      await client.call('/api-keys', credentials),
      await client.call(`/api-keys/${id}`, { ...credentials, method: 'DELETE' }),
    ]
    for (const answer of answers)
      expect([answer.status, answer.body.error]).toEqual([403, 'API Key permission denied'])
  }
  expect((await client.call('/api-keys', { token: user.token })).body.api_keys).toHaveLength(1)
})

test('the login of sessions lists keys without their hashes, and writes none itself', async () => {
  const login = await loginAs(client.manifest, 'sessions')
  try {
    for (const change of [
      `update api_keys set revoked_at = null`,
      `delete from api_keys`,
      `insert into api_keys (id, account, key_hash, created_at) values (gen_random_uuid(), 'x', sha256('x'), now())`,
    ]) {
      await expect(login.query(change), change).rejects.toMatchObject({ code: '42501' })
    }
    for (const text of [
      'select key_hash from api_keys',
      'select * from api_keys',
      'select k from api_keys k',
    ])
      expect([text, await outcomeOf(login, text)]).toEqual([text, '42501'])
    expect((await login.query('select count(*) from api_keys')).rows).toHaveLength(1)
  } finally {
    await login.end()
  }
})
