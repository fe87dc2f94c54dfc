/** A log as settle would have stored it, with anything in it: what no vault could be made to write. */
import { randomBytes } from 'node:crypto'
import { pad, toHex, type Address, type Hex } from 'viem'
import type { RawLog } from '../../db/ledger/record-logs.ts'
import { withoutTriggers } from './without-triggers.ts'

export const TOPICS = {
  withdrawal: '0x175353e3ca145fd7765bcddc19e6045e15845e35122dc401873f8f375cb438a1',
  deposit: '0x2a567932661c755b8fdbf4932cdfa2600eca2314a0093c83b57e78b3362f9c6d',
} as const
export interface StoredLog {
  chainId: number
  vault: string
  event: keyof typeof TOPICS
  account: string
  contract: string
  data: Hex
  status?: string
  reason?: string
}
type Sql = (text: string, values: unknown[]) => Promise<unknown>

const word = (value: bigint) => toHex(value, { size: 32 }).slice(2)
export const depositData = (wei: bigint): Hex => `0x${word(wei)}`
export const withdrawalData = (wei: bigint, nonce: number): Hex => `0x${word(wei)}${word(BigInt(nonce))}`

/**
 * The coins that such a log tells of never moved: what the vault holds is explained all the same.
 *
 * @returns the hash of its transaction, which is in block 1
 */
export async function storeLog(sql: Sql, log: StoredLog): Promise<Hex> {
  const hash: Hex = `0x${randomBytes(32).toString('hex')}`
  const [topic, vault] = [TOPICS[log.event], log.vault.toLowerCase()]
  const topics = [topic, pad(log.account as Address), pad(log.contract.toLowerCase() as Address)]
  const place = { tx_hash: hash, log_index: 0, block_number: 1, block_hash: hash, block_timestamp: 1 }
  await storeForged(sql, log.chainId, vault, [{ ...place, topics, data: log.data }])
  if (log.status !== undefined)
    await sql('update chain_logs set status = $2, reason = $3 where tx_hash = $1', [
      ...[hash, log.status, log.reason ?? null],
    ])
  return hash
}

/** Logs as a node tells them, of which none is in the chain; their coins are recorded as come or gone without an event. */
export async function storeForged(sql: Sql, chainId: number, vault: string, logs: RawLog[]): Promise<void> {
  const [before] = (await sql('select clock_timestamp()::text as at', [])) as { at: string }[]
  await sql(`select ledger.store_logs($1, $2, $3, 0)`, [chainId, vault, JSON.stringify(logs)])
  await sql(
    `insert into coin_explanations (id, chain_id, vault, contract, amount_in_wei, recorded_by, why, created_at)
     select gen_random_uuid(), l.chain_id, l.vault, c.contract, c.paid - c.deposited, 'a test', 'forged', now()
     from chain_logs l cross join lateral ledger.coins_of(l.event, l.topics, l.data) c
     where l.tx_hash = any($1) and l.stored_at > $2::timestamptz and c.paid <> c.deposited and c.deposited < 1e27
       and exists (select from tokens t where t.chain_id = l.chain_id and t.contract = c.contract)`,
    [logs.map((log) => log.tx_hash), before?.at],
  )
}

/** As if the forged logs with this reason had never been. */
export async function forgetForged(sql: (text: string) => Promise<unknown>, reason: string): Promise<void> {
  await withoutTriggers(
    sql,
    `delete from chain_logs where reason = '${reason}'; delete from coin_explanations where recorded_by = 'a test';
     update vault_coins v set (deposited_in_wei, paid_in_wei) = (select coalesce(sum(c.deposited), 0), coalesce(sum(c.paid), 0)
       from chain_logs l cross join lateral ledger.coins_of(l.event, l.topics, l.data) c where l.vault = v.vault and c.contract = v.contract)`,
  )
}

/** For the owner: a person's word on every log of that transaction. */
export async function resolveLogs(sql: Sql, hash: string, retry: boolean): Promise<void> {
  await sql(
    `select ledger.resolve_log(chain_id, tx_hash, content_hash, ordinal, $2, 'looked') from chain_logs where tx_hash = $1`,
    [hash, retry],
  )
}
