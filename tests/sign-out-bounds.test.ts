/** A stolen login of sessions ends sessions, and shuts nobody out for longer than a token from the future would. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { loginAs } from './support/logins.ts'

const NOW = Math.floor(Date.now() / 1000)
const DAY = 86_400
let thief: pg.Client
let owner: pg.Client
beforeAll(async () => {
  thief = await loginAs(inject('stack'), 'sessions')
  owner = new pg.Client({ connectionString: inject('stack').databaseUrl })
  await owner.connect()
})
afterAll(async () => {
  await thief.end()
  await owner.end()
})

const account = () => `0x${randomBytes(20).toString('hex')}`
/** [issued at, expires at, how far ahead] */
const signOut = async (
  of: string,
  [issuedAt, expiresAt, ahead]: readonly (number | null)[],
  everywhere: boolean,
) =>
  await thief.query('select ledger.sign_out($1, $2, null, $3, $4, $5, $6)', [
    ...[of, issuedAt, randomBytes(32), expiresAt, everywhere, ahead],
  ])
const rowsOf = async (of: string) =>
  (
    await owner.query<{ until: string }>(
      `select valid_from::text as until from session_cutoffs where account = $1
       union all select extract(epoch from expires_at)::bigint::text from ended_sessions where account = $1`,
      [of],
    )
  ).rows.map(({ until }) => Number(until))

test.each([
  ['an issuer’s clock that is decades ahead', [NOW + 3_600, NOW + DAY, 2_000_000_000]],
  ['one that is a little further ahead than any may be', [NOW, NOW + DAY, 61]],
  ['one that is behind', [NOW, NOW + DAY, -1]],
  ['one that nobody names', [NOW, NOW + DAY, null]],
  ['a session from the future', [NOW + 10_000_000_000, NOW + DAY, 60]],
  ['one without a beginning', [null, NOW + DAY, 60]],
  ['one that outlives every token', [NOW, NOW + 400 * DAY, 60]],
  ['one without an end', [NOW, null, 60]],
] as const)('%s is refused, and cuts nobody off', async (_what, words) => {
  for (const everywhere of [true, false]) {
    const of = account()
    await expect(signOut(of, words, everywhere)).rejects.toMatchObject({ code: '22023' })
    expect(await rowsOf(of)).toEqual([])
  }
})

test('what a token that is accepted says is taken, to the furthest', async () => {
  const [everywhere, one] = [account(), account()]
  await signOut(everywhere, [NOW + 60, NOW + 30 * DAY + 60, 60], true)
  await signOut(one, [NOW + 60, NOW + 30 * DAY + 60, 60], false)
  const [[until = 0], ended] = [await rowsOf(everywhere), await rowsOf(one)]
  expect(until).toBeGreaterThanOrEqual(NOW)
  expect(until - Math.floor(Date.now() / 1000)).toBeLessThanOrEqual(60)
  expect(ended).toEqual([NOW + 30 * DAY + 60])
})
