/** One run over a simulated chain: what it begins with, and what the database must say at each moment and in the end. */
import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { credit } from '../../db/ledger/credit.ts'
import { startCursor } from '../../db/ledger/record-logs.ts'
import { endReservations, staleReservations } from '../../db/ledger/stale-reservations.ts'
import { ChainModel } from './ledger-chain-model.ts'
import type { World } from './ledger-world.ts'
import { SimulatedChain } from './ledger-chain.ts'
import type { AnyStep } from './ledger-chain-draw.ts'
import { CHAIN_ID, listenTo, newCast, TOKENS, type LedgerStage } from './ledger-stage.ts'
import type { ModelToken } from './ledger-model.ts'
import { textOf, type Units } from './ledger-units.ts'

/** A cast with funds, its own vault, a calm ledger. */
export async function newWorld(stage: LedgerStage, order: readonly number[]): Promise<World> {
  const [id, vault] = [randomBytes(4).toString('hex'), `0x${randomBytes(20).toString('hex')}`]
  const cast = [...(await newCast(stage.owner, order)), `0x${randomBytes(20).toString('hex')}`]
  await listenTo(stage.owner, cast)
  const counters = new Map([0, 7, 3].map((counter, at) => [cast[at]!, counter]))
  const chain = new SimulatedChain(id, vault, Math.floor(Date.now() / 1000), counters)
  const key = { chainId: CHAIN_ID, vault }
  const model = new ChainModel(TOKENS, [[cast[0]!, cast[1]!]], vault, chain.head)
  await stage.owner.query(`select ledger.settle_debt(id, 'next run') from debts where settled_at is null`)
  await stage.owner.query(
    `select ledger.return_deposit(id, 'next run') from deposits where status = 'unsupported'`,
  )
  await stage.owner.query(`select ledger.resume_withdrawals('next run')`)
  await stage.owner.query('update alerts set resolved_at = now() where resolved_at is null')
  await endReservations(stage.settle, await staleReservations(stage.settle, 0, 1000), {})
  await startCursor(stage.settle, key, chain.head)
  // Two of them used the vault before this ledger knew it.
  for (const [account, counter] of [...counters].filter(([, counter]) => counter > 0)) {
    await stage.owner.query(`select ledger.accept_counter($1, $2, $3, $4, 'another system''s')`, [
      account,
      CHAIN_ID,
      vault,
      counter,
    ])
    model.nonces.set(account, counter)
  }
  const gifts = cast.slice(0, 3).flatMap((account) => ['FINE', 'CENT'].map((token) => ({ account, token })))
  await Promise.all(
    gifts.map(async ({ account, token }) => {
      model.credit(account, token, '100')
      const from = { reason: undefined, requestId: id, idempotency: undefined }
      await credit(stage.admin, { account, token, amount: '100', ...from })
    }),
  )
  const run = {
    id,
    vault,
    counterOf: (account: string) => chain.counterOf(account),
    signatureLeft: (row: World['model']['withdrawals'][number]) => {
      const { contract, decimals } = TOKENS.find(({ symbol }) => symbol === row.token)!
      if (!chain.permits.some((permit) => permit.id === row.id))
        chain.permits.push({ ...row, contract, wei: row.amount / 10n ** BigInt(18 - decimals) })
    },
  }
  const late: ModelToken = {
    ...{ symbol: `LATE${id}`, contract: `0x${randomBytes(20).toString('hex')}`, decimals: 2 },
    ...{ transferable: false, withdrawable: false, minWithdraw: 0n },
  }
  return { stage, cast, run, late, key, chain, model }
}

/** Everything the chain's verbs write, as the database has it and as the model has it. */
export async function chainFacts({ stage, key, model }: World): Promise<{ is: string[]; should: string[] }> {
  const { rows } = await stage.owner.query(
    `select concat_ws(' ', 'withdrawal', id, status, nonce, deadline) as fact from withdrawals where vault = $1
     union all select concat_ws(' ', 'log', tx_hash, ledger.log_name(content_hash, ordinal), block_hash, status, reason) from chain_logs where vault = $1
     union all select concat_ws(' ', 'nonce', account, next_on_chain) from withdrawal_nonces where vault = $1
     union all select concat_ws(' ', 'doubt', account, counter, blocks) from counter_doubts where vault = $1 and cleared_at is null
     union all select concat_ws(' ', 'cursor', block_number, block_hash, block_timestamp, rescan_from) from chain_cursors where vault = $1
     union all select concat_ws(' ', 'not credited', d.account, d.contract, d.amount_in_wei) from deposits d
       join chain_logs l using (chain_id, tx_hash, content_hash, ordinal) where l.vault = $1 and d.status = 'unsupported' and d.returned_at is null
     union all select concat_ws(' ', 'debt', tx_hash, ledger.log_name(content_hash, ordinal), trim_scale(amount)) from debts
       where withdrawal_id in (select id from withdrawals where vault = $1)
     union all select concat_ws(' ', 'alert', key) from alerts where resolved_at is null
     union all select 'paused' from switches where name = 'withdrawals_paused' and engaged`,
    [key.vault],
  )
  const { number, hash, timestamp } = model.cursor
  const should = [
    ...model.withdrawals.map((row) => `withdrawal ${row.id} ${row.status} ${row.nonce} ${row.deadline}`),
    ...[...model.logs].map(([name, { log, status, reason }]) =>
      ['log', name, log.raw.block_hash, status, ...(reason === null ? [] : [reason])].join(' '),
    ),
    ...[...model.nonces].map(([account, next]) => `nonce ${account} ${next}`),
    ...[...model.doubts].map(
      ([account, { counter, blocks }]) => `doubt ${account} ${counter} ${blocks ? 't' : 'f'}`,
    ),
    ['cursor', number, hash, timestamp, ...(model.rescanFrom === null ? [] : [model.rescanFrom])].join(' '),
    ...model.uncredited.map(({ log }) => `not credited ${log.account} ${log.contract} ${log.wei}`),
    ...[...model.debts].map(([name, units]) => `debt ${name} ${textOf(units)}`),
    ...[...model.alerts].map((alert) => `alert ${alert}`),
    ...(model.switchedOff ? ['paused'] : []),
  ]
  return { is: (rows as { fact: string }[]).map(({ fact }) => fact).sort(), should: should.sort() }
}

/** What settle and a person do when all signatures are dead: read every block, settle, look, give back. */
export function closingSteps({ chain, model }: World): AnyStep[] {
  const last = Math.max(chain.head.timestamp, ...model.withdrawals.map(({ deadline }) => deadline + 1))
  chain.mine(last, [])
  return [
    { verb: 'resume' },
    { verb: 'endStale', ttl: 0, limit: 100 },
    { verb: 'record', depth: 0, overlap: 0, forms: [], node: 'honest' },
    { verb: 'askRescan', back: 1_000_000 },
    { verb: 'rescan', blocks: 1_000_000, forms: ['renumbered'] },
    { verb: 'list' },
    { verb: 'retryPaid' },
    { verb: 'settle', limit: 1000 },
    { verb: 'creditListed', limit: 1000 },
    { verb: 'coins', at: 'cursor' },
    { verb: 'expire', at: 'cursor', rows: 'due' },
  ]
}

/** Each withdrawal has moved out or come back, exactly one of them, and out only when the chain paid it. */
export async function expectOneEndEach({ stage, key, chain, model }: World): Promise<void> {
  const { rows } = await stage.owner.query(
    `select w.id, w.status, array_agg(t.kind order by t.kind) as kinds from withdrawals w
     left join transfers t on t.reference ->> 'withdrawal_id' = w.id::text
       and t.token = w.token and t.amount = w.amount and t.from_account = w.account
     where w.vault = $1 group by w.id`,
    [key.vault],
  )
  const is = (rows as { id: string; status: string; kinds: string[] }[]).map((row) => row)
  expect(is.map(({ id }) => id).sort()).toEqual(model.withdrawals.map(({ id }) => id).sort())
  const signed = new Set(chain.permits.map(({ id }) => id))
  for (const { id, status, kinds } of is) {
    const end = chain.paid.has(id) ? 'confirm' : signed.has(id) ? 'expire' : 'release'
    expect({ id, status, kinds }).toEqual({
      id,
      status: `${end}${end === 'confirm' ? 'ed' : 'd'}`,
      kinds: [`withdraw_${end}`, 'withdraw_reserve'].sort(),
    })
  }
}

/** What the accounts of the run hold of each token, in both wallets, free and frozen; and what crossed the ledger's border. */
export async function moneyOf({
  stage,
  cast,
}: World): Promise<Record<'held' | 'crossed', Map<string, string>>> {
  const text = async (query: string) => {
    const { rows } = await stage.owner.query(query, [cast])
    return new Map((rows as { name: string; sum: string }[]).map(({ name, sum }) => [name, sum]))
  }
  return {
    held: await text(
      `select token as name, trim_scale(sum(available + frozen))::text as sum from balances where account = any($1) group by token`,
    ),
    crossed: await text(
      `select kind || ' ' || token as name, trim_scale(sum(amount))::text as sum from transfers
       where (from_account = any($1)) <> (to_account = any($1)) group by kind, token`,
    ),
  }
}

export const textsOf = (amounts: ReadonlyMap<string, Units>) =>
  new Map([...amounts].map(([name, units]) => [name, textOf(units)]))

/** How many movements of each end the database has. */
export async function endsOf({ stage, cast }: World) {
  const { rows } = await stage.owner.query(
    `select count(*) filter (where kind = 'withdraw_confirm') as confirmed, count(*) filter (where kind = 'deposit') as credited,
       count(*) filter (where kind = 'withdraw_expire') as expired, count(*) filter (where kind = 'withdraw_release') as released
     from transfers where from_account = any($1) or to_account = any($1)`,
    [cast],
  )
  const [ends] = rows as Record<string, string>[]
  return Object.fromEntries(Object.entries(ends ?? {}).map(([end, count]) => [end, Number(count)]))
}

/** What must have crossed the ledger's border once every log is settled: what was credited, and all that the chain did. */
export function crossedOnChain(
  { chain, late }: World,
  credited: ReadonlyMap<string, Units>,
): Map<string, string> {
  const sums = new Map([...credited].map(([token, units]) => [`credit ${token}`, units]))
  for (const { name, contract, wei } of chain.logs(0, chain.head.number)) {
    const token = [...TOKENS, late].find((one) => one.contract === contract)
    if (!token) continue
    const kind = `${name === 'deposit' ? 'deposit' : 'withdraw_confirm'} ${token.symbol}`
    sums.set(kind, (sums.get(kind) ?? 0n) + wei * 10n ** BigInt(18 - token.decimals))
  }
  return textsOf(new Map([...sums].filter(([, units]) => units !== 0n)))
}
