/** A log as settle would have stored it, with anything in it: what no vault could be made to write. */
import { randomBytes } from 'node:crypto'
import { pad, toHex, type Address, type Hex } from 'viem'

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

/** @returns the hash of its transaction, which is in block 1 */
export async function storeLog(sql: Sql, log: StoredLog): Promise<Hex> {
  const hash: Hex = `0x${randomBytes(32).toString('hex')}`
  const topics = [TOPICS[log.event], pad(log.account as Address), pad(log.contract.toLowerCase() as Address)]
  await sql(
    `insert into chain_logs (chain_id, tx_hash, ordinal, vault, block_number, block_hash, block_timestamp, log_index, topics, data,
       event, account, status, reason)
     values ($1, $2, 0, $3, 1, $2, 1, 0, $4, $5, $6, $7, $8, $9)`,
    [
      ...[log.chainId, hash, log.vault.toLowerCase(), topics, log.data, log.event, log.account],
      ...[log.status ?? 'pending', log.reason ?? null],
    ],
  )
  return hash
}

/** For the owner: a person's word on every log of that transaction. */
export async function resolveLogs(sql: Sql, hash: string, retry: boolean): Promise<void> {
  await sql(
    `select ledger.resolve_log(chain_id, tx_hash, content_hash, ordinal, $2, 'looked') from chain_logs where tx_hash = $1`,
    [hash, retry],
  )
}
