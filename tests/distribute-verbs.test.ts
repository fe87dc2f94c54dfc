/** What a cluster asks of the verbs: each statement on what lies with a family goes to that family's shard alone. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { shardedLedger, type Seen, type ShardedLedger } from './support/sharded-ledger.ts'
import { depositData, storeLog, withdrawalData } from './support/stored-log.ts'

const [CHAIN_ID, VAULT, CONTRACT] = [31337, `0x${'aa'.repeat(20)}`, `0x${'11'.repeat(20)}`]
const address = () => `0x${randomBytes(20).toString('hex')}`
const hash = () => randomBytes(32)

let ledger: ShardedLedger
let main: string
let sub: string
beforeAll(async () => {
  ledger = await shardedLedger(inject('stack'))
  await sql(`insert into tokens values ('USDT', 2, $1, $2, true, true, 0)`, [CHAIN_ID, CONTRACT])
  await sql(`select ledger.start_cursor($1, $2, 100, 'x', 4000000000)`, [CHAIN_ID, VAULT])
  ;[main, sub] = [address(), address()]
  await sql('select ledger.create_subaccount($1, $2, 100)', [main, sub])
  // Accounts of many families, so that a statement which names none has other shards to go to.
  for (let n = 0; n < 20; n += 1) await credit(address())
})
afterAll(async () => await ledger.stop())

const sql = async (text: string, values: unknown[] = []) =>
  (await ledger.owner.query<{ result: any }>(text, values)).rows
const credit = async (account: string, key: string | null = null) =>
  await sql(`select ledger.credit($1, 'USDT', 9, null, 'test', $2, $3)`, [account, key, hash()])
const reserve = async (key: string | null = null): Promise<string> =>
  (await sql(`select ledger.reserve($1, 'USDT', 2, $1, $2, $3, 600, $4, $5) as result`, [main, CHAIN_ID, VAULT, key, hash()]))[0]!.result // prettier-ignore
  .reservation.id
const sign = async (id: string) =>
  await sql('select ledger.store_signature($1, $2, (select next_on_chain from withdrawal_nonces where account = $3))', [id, `0x${'11'.repeat(65)}`, main]) // prettier-ignore
const within = async (from: string, to: string, key: string | null) =>
  await sql(`select ledger.transfer_in_family($1, null, $2, 'spot', 'USDT', 1, $3, $4, 4000000000000)`, [from, to, key, hash()]) // prettier-ignore
const store = async (event: 'withdrawal' | 'deposit', data: `0x${string}`) =>
  await storeLog(sql, { chainId: CHAIN_ID, vault: VAULT, event, account: main, contract: CONTRACT, data })
const settle = async () => await sql('select ledger.settle_events($1, $2, 100)', [CHAIN_ID, VAULT])
const nonceOf = async (id: string) =>
  Number((await sql('select nonce as result from withdrawals where id = $1', [id]))[0]!.result)

const VERBS: [string, () => Promise<unknown>][] = [
  ['credit, with a key and again', async () => {
    const requestHash = hash()
    for (let n = 0; n < 2; n += 1)
      await sql(`select ledger.credit($1, 'USDT', 9, null, 'test', 'c', $2)`, [main, requestHash])
    await credit(address())
  }],
  ['transfer, with a key and again', async () => {
    const requestHash = hash()
    for (let n = 0; n < 2; n += 1)
      await sql(`select ledger.transfer($1, 'USDT', 'spot_to_perp', 2, 't', $2)`, [main, requestHash])
    await sql(`select ledger.transfer($1, 'USDT', 'perp_to_spot', 1, null, null)`, [main])
  }],
  ['transfer_in_family, both ways', async () => {
    await within(main, sub, 'f')
    await within(sub, main, null)
  }],
  ['reserve and give back', async () => {
    const id = await reserve('w')
    await sql(`select ledger.give_back($1, 'sign_failed')`, [id])
  }],
  ['reserve, store_signature and the payment', async () => {
    const id = await reserve('w')
    await sign(id)
    await store('withdrawal', withdrawalData(200n, await nonceOf(id)))
    await settle()
  }],
  ['a deposit', async () => {
    await store('deposit', depositData(500n))
    await settle()
  }],
  ['expire', async () => {
    const id = await reserve()
    await sign(id)
    const proof = JSON.stringify([{ id, next_nonce: await nonceOf(id) }])
    await sql(`select ledger.expire($1, $2, 100, 'x', 4000000000, $3)`, [CHAIN_ID, VAULT, proof])
  }],
  ['stale reservations', async () => {
    const id = await reserve('s')
    await sql(`select ledger.end_reservations(array[$1::uuid], '{}')`, [id])
  }],
  ['create_subaccount, list_subaccounts and bind_agent', async () => {
    await sql('select ledger.create_subaccount($1, $2, 100)', [main, address()])
    await sql('select ledger.list_subaccounts($1, null)', [main])
    await sql('select ledger.bind_agent($1, $2, 20, $3, 4000000000000)', [main, address(), hash()])
  }],
] // prettier-ignore

/** What is written of a hot table, by any statement of any function. */
const HOT = /ledger\.(?:balances|movements|idempotency_keys)\b/
const isHot = ({ text, shards }: Seen) => HOT.test(text) || shards.length > 0

describe.each(VERBS)('%s', (_verb, run) => {
  let seen: Seen[]
  beforeAll(async () => {
    seen = (await ledger.watch(run)).filter(isHot)
  })

  test('touches what lies with a family, and in each statement one family’s shard alone', () => {
    expect(seen.length).toBeGreaterThan(0)
    expect(seen.filter(({ shards }) => shards.length > 1).map(({ text }) => text)).toEqual([])
    const nameless = seen.filter(({ text }) => !/family_no (?:=|in) |\(family_no[,)]/.test(text))
    // Postgres's own look at a foreign key's row is no statement of ours.
    expect(nameless.map(({ text }) => text).filter((text) => !/^SELECT 1 FROM ONLY/.test(text))).toEqual([])
  })

  test('changes it by nothing volatile, and looks it up beside no table of the coordinator’s', () => {
    const volatile = /\b(?:clock_timestamp|random|gen_random_uuid|nextval|new_id|new_movement_id)\(/
    expect(seen.map(({ text }) => text).filter((text) => /^\s*(?:update|delete)/i.test(text) && volatile.test(text))).toEqual([]) // prettier-ignore
    const beside = seen.filter(({ tables }) => tables.some((name) => !/_shard\d+$|^(?:accounts|tokens|balances|movements|idempotency_keys)$/.test(name))) // prettier-ignore
    // A list of subaccounts is theirs, with what each has: the part that lies with the family is a query of its own.
    expect(
      beside.map(({ text }) => text).filter((text) => !text.includes('from public.subaccounts s')),
    ).toEqual([])
  })
})

test('no function in SQL reads a table of the cluster by an argument: a cluster plans it before it knows the argument', async () => {
  const named = await sql(`select p.proname as result from pg_proc p join pg_language l on l.oid = p.prolang
    where p.pronamespace = 'ledger'::regnamespace and l.lanname = 'sql' and p.pronargs > 0
      and p.prosrc ~ '(ledger\\.(balances|movements|idempotency_keys|accounts)|public\\.(tokens|balances|transfers|entries))\\y'`) // prettier-ignore
  expect(named).toEqual([])
})

test('a statement that names no family is seen to go to many shards', async () => {
  const seen = await ledger.watch(
    async () => await sql('select count(*) from ledger.balances where account_no = 1'),
  )
  expect(seen[0]!.shards.length).toBeGreaterThan(1)
})
