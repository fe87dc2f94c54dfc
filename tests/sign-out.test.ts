/** Signing out: from its answer on, what was ended opens nothing, anywhere. */
import pg from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import type { Answer } from './support/client.ts'
import { clientOf } from './support/client.ts'
import { allEndpoints, filledPath, sampleBody } from './support/endpoints.ts'
import { requestLog } from './support/function-log.ts'
import { openStream, refusal, type Credential, type StreamClient } from './support/stream.ts'
import { until } from './support/until.ts'

const client = clientOf()
const url = client.manifest.wsUrl
const opened: StreamClient[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (stream) => await stream.close()))
})

type User = Awaited<ReturnType<typeof client.newAccount>>
async function signIn({ wallet }: Pick<User, 'wallet'>): Promise<string> {
  const { typed_data: data } = (await client.call(`/auth/nonce/${wallet.address}`)).body
  const signature = await wallet.signTypedData(data)
  const json = { address: wallet.address, signature, timestamp: data.message.timestamp }
  const answer = await client.call('/auth/login', { json })
  expect(answer.status, answer.text).toBe(200)
  return answer.body.token
}
const signOut = async (token: string, body: object = {}): Promise<Answer> =>
  await client.call('/auth/logout', { token, json: body })
const everywhere = { everywhere: true }
const balances = async (token: string) => (await client.call('/spot/balances', { token })).status
const move = { token: 'USDT', direction: 'spot_to_perp', amount: '1' }

async function open(credential: Credential): Promise<StreamClient> {
  const stream = await openStream(url, credential)
  opened.push(stream)
  return stream
}
const signedInLater = async (token: string): Promise<StreamClient> => {
  const stream = await open({ headers: {} })
  stream.say({ type: 'auth', token })
  await until(() => stream.messages.at(-1)?.success, 'auth_result')
  return stream
}
const ping = async (stream: StreamClient) => {
  const pongs = () => stream.messages.filter(({ type }) => type === 'pong').length
  const before = pongs()
  stream.say({ type: 'ping' })
  await until(() => pongs() > before, 'pong')
}

describe('signing out', () => {
  test('ends the one session; the account’s other sessions go on', async () => {
    const user = await client.newAccount({ USDT: '5' })
    const [one, other] = [await signIn(user), await signIn(user)]
    const answer = await signOut(one)
    expect([answer.status, answer.body]).toEqual([
      200,
      { everywhere: false, signed_out_at: expect.any(Number) },
    ])
    expect(Math.abs(answer.body.signed_out_at - Date.now() / 1000)).toBeLessThan(60)
    expect([await balances(one), await balances(other)]).toEqual([401, 200])
    expect((await client.transfer(one, move)).body.error).toBe('UNAUTHORIZED')
    expect((await client.transfer(other, move)).status).toBe(200)
    expect(await client.balancesOf(user.account)).toEqual({ 'perp USDT': '1', 'spot USDT': '4' })
  })

  test('everywhere ends every session of the account, and a login right after it opens at once, every time', async () => {
    const [user, stranger] = [await client.newAccount({ USDT: '5' }), await client.newAccount()]
    let last = await signIn(user)
    const old: string[] = [user.token]
    for (let round = 0; round < 5; round += 1) {
      const others = [await signIn(user), await signIn(user)]
      const answer = await signOut(last, everywhere)
      expect([answer.status, answer.body.everywhere]).toEqual([200, true])
      old.push(last, ...others)
      // Within the same second as the sign-out, most of the time.
      last = await signIn(user)
      expect(await balances(last)).toBe(200)
      for (const token of old) expect(await balances(token)).toBe(401)
    }
    expect(await balances(stranger.token)).toBe(200)
  })

  test('twice with one token is refused the second time, and changes nothing for a newer session', async () => {
    const user = await client.newAccount()
    for (const body of [{}, everywhere]) {
      const token = await signIn(user)
      expect((await signOut(token, body)).status).toBe(200)
      const newer = await signIn(user)
      for (const again of [{}, everywhere]) expect((await signOut(token, again)).status).toBe(401)
      expect(await balances(newer)).toBe(200)
    }
  })

  test('by many at once ends all, and none waits for another for ever', async () => {
    const user = await client.newAccount()
    const tokens = await Promise.all(
      Array.from({ length: 8 }, async () => await client.sessionFor(user.account)),
    )
    const single = await Promise.all(tokens.slice(0, 4).map(async (token) => await signOut(token)))
    expect(single.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    const all = await Promise.all(tokens.slice(4).map(async (token) => await signOut(token, everywhere)))
    expect(all.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401])
    for (const token of tokens) expect(await balances(token)).toBe(401)
  })

  test.each([
    ['a number', { everywhere: 1 }],
    ['a text', { everywhere: 'true' }],
    ['another member', { everywhere: true, all: true }],
  ])('with %s is refused and ends nothing', async (_name, body) => {
    const user = await client.newAccount()
    const answer = await signOut(user.token, body)
    expect([answer.status, answer.body.error]).toEqual([400, 'INVALID_REQUEST'])
    expect(await balances(user.token)).toBe(200)
  })

  test('is for sessions: an API key is refused, and goes on after it', async () => {
    const user = await client.newAccount({ USDT: '5' })
    const { api_key: apiKey } = (await client.call('/api-keys', { token: user.token, json: {} })).body
    const refused = await client.call('/auth/logout', { apiKey, json: everywhere })
    expect([refused.status, refused.body.error]).toEqual([403, 'API Key permission denied'])
    expect((await signOut(user.token, everywhere)).status).toBe(200)
    expect((await client.call('/spot/balances', { apiKey })).status).toBe(200)
  })
})

describe('an ended session', async () => {
  const guarded = (await allEndpoints()).filter(
    ({ endpoint }) => endpoint.access.kind === 'session' || endpoint.access.kind === 'read',
  )
  test('has endpoints to be tried on', () => expect(guarded.length).toBeGreaterThan(10))

  test.each(
    guarded.flatMap((listed) =>
      [{}, everywhere].map((body) => [listed.name, 'everywhere' in body, body, listed] as const),
    ),
  )('is refused by %s, everywhere: %s, and changes nothing', async (_name, _everywhere, body, listed) => {
    // Without a row anywhere: a read that finds nothing must refuse too.
    const user = await client.newAccount(listed.endpoint.access.kind === 'read' ? {} : { USDT: '5', DF: '5' })
    const token = await signIn(user)
    expect((await signOut(token, body)).status).toBe(200)
    const before = await client.rowCounts(user.account)
    const json = listed.endpoint.body && sampleBody(listed, user.account)
    const answer = await client.call(filledPath(listed.path, user.account), {
      method: listed.endpoint.method,
      token,
      ...(json ? { json } : {}),
    })
    expect([answer.status, answer.body.error], answer.text).toEqual([401, 'UNAUTHORIZED'])
    expect(await client.rowCounts(user.account)).toBe(before)
  })

  test('opens no socket, neither at the upgrade nor after it', async () => {
    for (const body of [{}, everywhere]) {
      const user = await client.newAccount({ USDT: '1' })
      const token = await signIn(user)
      await signOut(token, body)
      const refused = await refusal(url, { bearer: token })
      expect([refused.status, JSON.parse(refused.body).error]).toEqual([401, 'UNAUTHORIZED'])
      const later = await open({ headers: {} })
      later.say({ type: 'subscribe', channel: 'spot:user:balances', token })
      await until(() => later.messages.length > 0, 'an answer')
      expect(later.messages).toEqual([{ type: 'auth_result', success: false, message: expect.any(String) }])
      const fresh = await open({ bearer: await signIn(user) })
      fresh.say({ type: 'auth', token })
      await until(() => fresh.messages.length > 0, 'an answer')
      expect(fresh.messages).toMatchObject([{ type: 'auth_result', success: false }])
    }
  })

  test('is refused in the round trip that its call makes anyway, and by an isolate that knows it in none', async () => {
    const user = await client.newAccount({ USDT: '5' })
    const token = await signIn(user)
    const trips = async (send: (requestId: string) => Promise<Answer>) => {
      const requestId = `signout-${Math.random().toString(36).slice(2)}`
      await send(requestId)
      return (await requestLog(requestId)).db_round_trips
    }
    const id = (requestId: string) => ({ 'X-Request-Id': requestId })
    expect(await trips(async (r) => await client.transfer(token, move, id(r)))).toBe(1)
    const read = async (requestId: string) =>
      await client.call('/spot/balances', { token, headers: id(requestId) })
    expect(await trips(read)).toBe(1)
    await client.sql(
      `insert into session_cutoffs (account, generation, valid_from, changed_at) values ($1, 1, 0, now())`,
      [user.account],
    )
    expect([await trips(read), await trips(read)]).toEqual([1, 0])
  })
})

describe('sockets', () => {
  test('of the ended session are closed with 4401, those of another session stay', async () => {
    const user = await client.newAccount({ USDT: '1' })
    const [one, other] = [await signIn(user), await signIn(user)]
    const closing = [await open({ bearer: one }), await signedInLater(one)]
    const staying = [await open({ bearer: other }), await signedInLater(other)]
    // The newer token is the socket's session now.
    const renewed = await open({ bearer: one })
    renewed.say({ type: 'auth', token: other })
    await until(() => renewed.messages.at(-1)?.success, 'auth_result')
    expect((await signOut(one)).status).toBe(200)
    for (const stream of closing) expect((await stream.closed).code).toBe(4401)
    for (const stream of [...staying, renewed]) await ping(stream)
  })

  test('of every session are closed by a sign-out everywhere, and no other account’s', async () => {
    const [user, stranger] = [await client.newAccount({ USDT: '1' }), await client.newAccount({ USDT: '1' })]
    const [one, other] = [await signIn(user), await signIn(user)]
    const closing = [await open({ bearer: one }), await open({ bearer: other }), await signedInLater(one)]
    const untouched = await open({ bearer: stranger.token })
    for (const stream of closing) await stream.subscribe('USDT')
    expect((await signOut(one, everywhere)).status).toBe(200)
    for (const stream of closing) expect((await stream.closed).code).toBe(4401)
    const again = await open({ bearer: await signIn(user) })
    await again.subscribe('USDT')
    await ping(untouched)
  })

  test('that are being opened while the account signs out are closed or refused, never left open', async () => {
    for (let round = 0; round < 5; round += 1) {
      const user = await client.newAccount({ USDT: '1' })
      const token = await signIn(user)
      const opening = Array.from(
        { length: 6 },
        async () => await open({ bearer: token }).catch(() => undefined),
      )
      const answer = await signOut(token, everywhere)
      expect(answer.status).toBe(200)
      for (const stream of await Promise.all(opening))
        if (stream) expect((await stream.closed).code).toBe(4401)
    }
  })
})

describe('what an ended session had begun', () => {
  test('has ended before the sign-out answers: nothing moves afterwards', async () => {
    const user = await client.newAccount({ USDT: '10' })
    const token = await signIn(user)
    const owner = new pg.Client({ connectionString: client.manifest.databaseUrl })
    await owner.connect()
    try {
      await owner.query('begin')
      await owner.query('select from balances where account = $1 for update', [user.account])
      const waiting = Array.from({ length: 4 }, async () => await client.transfer(token, move))
      const blocked = async () =>
        Number(
          (
            await owner.query(
              `select count(*) from pg_locks where not granted and pid <> pg_backend_pid() and locktype in ('transactionid', 'tuple')`,
            )
          ).rows[0].count,
        ) > 0
      await until(blocked, 'a transfer that waits for its row')
      let rowsAtAnswer: string | undefined
      const signedOut = signOut(token, everywhere).then(async (answer) => {
        rowsAtAnswer = await client.rowCounts(user.account)
        return answer
      })
      const waits = async () =>
        (
          await owner.query(
            `select from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock' and not granted`,
          )
        ).rowCount
      await until(waits, 'the sign-out that waits for them')
      await owner.query('commit')
      expect((await signedOut).status).toBe(200)
      const statuses = (await Promise.all(waiting)).map(({ status }) => status)
      expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(0)
      expect(statuses.filter((status) => status !== 200 && status !== 401)).toEqual([])
      expect(await client.rowCounts(user.account)).toBe(rowsAtAnswer)
    } finally {
      await owner.end()
    }
  })
})

test('ended sessions are forgotten a day after their tokens have ended by themselves, cut-offs never', async () => {
  const { account } = await client.newAccount()
  await client.sql(
    `insert into ended_sessions (id, account, expires_at) values (sha256('old'), $1, now() - interval '25 hours'),
       (sha256('young'), $1, now() - interval '23 hours')`,
    [account],
  )
  await client.sql(
    `insert into session_cutoffs (account, generation, valid_from, changed_at) values ($1, 1, 0, now() - interval '1 year')`,
    [account],
  )
  await client.sql(`select ledger.run_upkeep(1, '')`)
  const [left] = await client.sql<{ ended: string; cutoffs: string }>(
    `select (select count(*) from ended_sessions where account = $1) as ended, (select count(*) from session_cutoffs where account = $1) as cutoffs`,
    [account],
  )
  expect(left).toEqual({ ended: '1', cutoffs: '1' })
})
