/** The shape of a movement's row is what conserves money: what is no whole movement cannot be written, not even by the owner. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { ledgerStage, TOKENS, type LedgerStage } from './support/ledger-stage.ts'

const { symbol: token } = TOKENS[0]!
const account = `0x${randomBytes(20).toString('hex')}`
let stage: LedgerStage

const post = async (kind: string, [from, fromWallet]: string[], [to, toWallet]: string[], frozen = false) =>
  await stage.owner.query(`select ledger.post($1, $2, 1, $3, $4, $5, $6, $7)`, [
    ...[kind, token, from, fromWallet, to, toWallet, frozen],
  ])
const EXCHANGE = { issuance: ['issuance', 'system'], vault: ['vault', 'system'] }
const SPOT = [account, 'spot']

beforeAll(async () => {
  stage = await ledgerStage(inject('stack'))
  await post('credit', EXCHANGE.issuance, SPOT)
  await post('credit', EXCHANGE.issuance, SPOT)
  await post('spot_to_perp', SPOT, [account, 'perp'])
  await post('withdraw_reserve', SPOT, SPOT)
  await post('withdraw_confirm', SPOT, EXCHANGE.vault, true)
})
afterAll(async () => await stage.stop())

/** Writes each of the account's movements of a kind once more, changed. */
async function written(kind: string, change: string): Promise<number | null> {
  const { rowCount } = await stage.owner.query(
    `with changed as (
       select (jsonb_populate_record(m, to_jsonb(m) || jsonb_build_object('id', ledger.new_movement_id(now())) || $2::jsonb)).*
       from ledger.movements m join ledger.accounts a on a.account_no in (m.from_no, m.to_no)
       where a.address = $1 and m.kind = array_position(ledger.movement_kinds(), $3) limit 1)
     insert into ledger.movements select * from changed`,
    [account, change, kind],
  )
  return rowCount
}

test.each(['credit', 'spot_to_perp', 'withdraw_reserve', 'withdraw_confirm'])(
  'a whole %s can be written',
  async (kind) => expect(await written(kind, '{}')).toBe(1),
)

test.each([
  ['a credit of somebody’s who has no number', 'credit', { to_no: null }],
  ['a credit that leaves no balance', 'credit', { to_available: null }],
  ['a credit that leaves no version', 'credit', { to_version: null }],
  ['a credit without what is frozen beside it', 'credit', { to_frozen: null }],
  ['a credit that nobody gives with a balance after it', 'credit', { from_available: 1 }],
  ['a credit that an account gives as the exchange', 'credit', { from_no: 1 }],
  [
    'from the exchange to itself',
    'credit',
    { to_side: 'i', to_no: null, to_version: null, to_available: null, to_frozen: null },
  ],
  ['a transfer to where it comes from', 'spot_to_perp', { to_side: 's' }],
  ['a transfer that takes from no version', 'spot_to_perp', { from_version: null }],
  ['a transfer that takes from no balance', 'spot_to_perp', { from_available: null }],
  ['a transfer without what stays frozen', 'spot_to_perp', { from_frozen: null }],
  ['a transfer that arrives in no balance', 'spot_to_perp', { to_available: null }],
  ['a transfer that nobody gave', 'spot_to_perp', { from_no: null }],
  ['a transfer that nobody got', 'spot_to_perp', { to_no: null }],
  [
    'a reservation that tells its one balance twice',
    'withdraw_reserve',
    { to_version: 1, to_available: 1, to_frozen: 1 },
  ],
  ['a reservation that tells its one version twice', 'withdraw_reserve', { to_version: 1 }],
  ['a payment that the vault keeps a balance of', 'withdraw_confirm', { to_available: 1 }],
  ['a payment to an account as the vault', 'withdraw_confirm', { to_no: 1 }],
] as const)('%s is refused', async (_what, kind, change) => {
  await expect(written(kind, JSON.stringify(change))).rejects.toMatchObject({ code: '23514' })
})
