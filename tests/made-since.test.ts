/** What a thief made with a stolen login outlives its new password, until a person ends it. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { alertsCommand } from './support/alerts-command.ts'
import { CHAIN_ID, ledgerStage, VAULT, type LedgerStage } from './support/ledger-stage.ts'

const address = () => `0x${randomBytes(20).toString('hex')}`
let s: LedgerStage
beforeAll(async () => {
  s = await ledgerStage(inject('stack'))
})
afterAll(async () => await s.stop())

const sql = async <Row>(text: string, values: unknown[] = []) =>
  (await s.owner.query(text, values)).rows as Row[]
const alerts = async (...words: string[]) =>
  await alertsCommand(String(s.owner.options.connectionString), ...words)
const digest = () => randomBytes(32)
const moved = async (from: string, to: string, amount = 1) =>
  await sql(`select ledger.transfer_in_family($1, null, $2, 'spot', 'FINE', $3, null, $4, 0)`, [
    from,
    to,
    amount,
    digest(),
  ])
const live = async (key: Buffer) =>
  (await sql<{ account: string | null }>('select ledger.account_of_api_key($1) as account', [key]))[0]
    ?.account
const balances = async (...accounts: string[]) =>
  (
    await sql<{ held: string }>(
      `select coalesce((select trim_scale(available) || '+' || trim_scale(frozen) from spot_balances b where b.account = a and token = 'FINE'), '-') as held
       from unnest($1::text[]) with ordinality u(a, n) order by n`,
      [accounts],
    )
  ).map(({ held }) => held)

test('what was made since then is listed and ended, and nothing of before', async () => {
  const [victim, honest, thief, agent, oldAgent] = Array.from({ length: 5 }, address) as [
    string,
    string,
    string,
    string,
    string,
  ]
  const [oldKey, newKey] = [digest(), digest()]
  await sql(`select ledger.credit($1, 'FINE', 100, null, null, null, null)`, [victim])
  await sql('select ledger.create_subaccount($1, $2, 10)', [victim, honest])
  await sql('select ledger.bind_agent($1, $2, 10, $3, 0)', [victim, oldAgent, digest()])
  await sql('select ledger.create_api_key($1, null, $2, 10)', [victim, oldKey])
  const [{ since } = { since: '' }] = await sql<{ since: string }>(
    `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as since`,
  )
  await sql('select ledger.create_subaccount($1, $2, 10)', [victim, thief])
  await sql('select ledger.bind_agent($1, $2, 10, $3, 0)', [victim, agent, digest()])
  await sql('select ledger.create_api_key($1, $2, $3, 10)', [victim, 'thief', newKey])
  await moved(victim, thief, 40)
  const reserve = async () =>
    await sql(`select ledger.reserve($1, 'FINE', 10, $1, ${CHAIN_ID}, '${VAULT}', 600, null, null)`, [thief])
  await reserve()

  const listed = await alerts('made-since', since)
  expect([listed.code, listed.error]).toEqual([0, ''])
  expect(
    listed.out
      .trim()
      .split('\n')
      .map((line) => line.replace(/, made .* UTC$/, '').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, 'ID')),
  ).toEqual([
    `subaccount ${thief}  of ${victim}`,
    `agent ID  of ${victim}, "${agent}"`,
    `api key ID  of ${victim}, "thief"`,
    `3 made since ${since} and not ended`,
  ])
  expect(await alerts('end-made-since', since)).toMatchObject({ code: 2, out: '' })
  expect(await balances(victim, thief)).toEqual(['60+0', '30+10'])

  expect(await alerts('end-made-since', since, '--why', 'login signed was stolen')).toEqual({
    code: 0,
    out: `3 ended\nstill frozen for a withdrawal: 10 FINE of ${thief}\n`,
    error: '',
  })
  expect(await balances(victim, thief)).toEqual(['90+0', '0+10'])
  expect([await live(oldKey), await live(newKey)]).toEqual([victim, null])
  const agents = await sql<{ agent_wallet: string }>(
    'select agent_wallet from agent_wallets where account = $1 and revoked_at is null',
    [victim],
  )
  expect(agents).toEqual([{ agent_wallet: oldAgent }])
  // It moves nothing any more, neither way, and is given nothing to withdraw; the honest one is as it was.
  await expect(moved(victim, thief)).rejects.toMatchObject({ code: 'TG000', message: 'invalid_relationship' })
  await expect(moved(thief, victim)).rejects.toMatchObject({ code: 'TG000', message: 'invalid_relationship' })
  await expect(reserve()).rejects.toMatchObject({ code: 'TG000', message: 'withdrawals_paused' })
  await moved(victim, honest)
  expect(await balances(victim, honest)).toEqual(['89+0', '1+0'])
  const [family] = await sql<{ list: { address: string }[] }>(
    'select ledger.list_subaccounts($1, null) as list',
    [victim],
  )
  expect(family!.list.map((one) => one.address)).toEqual([honest])
  expect((await alerts('made-since', since)).out).toBe(`0 made since ${since} and not ended\n`)
  await expect(
    sql('update subaccounts set ended_at = null, ended_why = null where subaccount = $1', [thief]),
  ).rejects.toMatchObject({
    code: 'TG099',
  })
  expect(await s.violations()).toEqual([])
})

test.each([['yesterday'], ['2026-13-01T00:00:00Z'], ['2999-01-01T00:00:00Z'], []])(
  'a time that is none, or is still to come, is refused: %s',
  async (...words) => {
    for (const command of [
      ['made-since', ...words],
      ['end-made-since', ...words, '--why', 'x'],
    ])
      expect(await alerts(...command)).toMatchObject({ code: 2, out: '' })
  },
)
