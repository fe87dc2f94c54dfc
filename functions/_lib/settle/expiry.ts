/** Gives back withdrawals that the chain proves were never paid. The proof and its checks stand in db/ledger/expire.sql. */
import { dueWithdrawals, expire, type DueWithdrawal } from '../../../db/ledger/expire.ts'
import { readCursor, requestRescan } from '../../../db/ledger/record-logs.ts'
import type { Block } from '../chain/answers.ts'
import { ChainError } from '../chain/fault.ts'
import { BLOCK_SEARCH_WIDTH, CLOCKS_APART_SECONDS_MAX, EXPIRE_BATCH } from '../limits.ts'
import { keyOf } from './alerts.ts'
import { room, type Run } from './context.ts'
import { settleStored } from './events.ts'
import { rescan } from './logs.ts'

/** @throws ChainError: what was not proved stays signed */
export async function expireDue(run: Run, safe: Block): Promise<void> {
  let after: DueWithdrawal | undefined
  let missingSince: number | undefined
  while (room(run, 1)) {
    const rows = await dueWithdrawals(run.db, run.key, safe.timestamp, EXPIRE_BATCH, after)
    if (rows.length === 0 || !room(run, 2)) break
    const accounts = rows.map((row) => row.account)
    const { block, counters } = await run.chain.counters(accounts, safe.number)
    if (block.hash !== safe.hash) throw new ChainError('nonsense', 'eth_getBlockByNumber')
    const proofs = rows.flatMap(({ id, account }) => {
      const nextNonce = counters.get(account)
      return nextNonce === undefined ? [] : [{ id, nextNonce }]
    })
    const result = await expire(run.db, run.key, safe, proofs)
    run.summary.expired += result.expired
    run.pushes.push(...result.pushes)
    if (result.unproved_since !== null)
      missingSince = Math.min(missingSince ?? result.unproved_since, result.unproved_since)
    if (rows.length < EXPIRE_BATCH) break
    after = rows.at(-1)
  }
  if (missingSince !== undefined) await readAgain(run, safe, missingSince)
  else if (run.summary.outcome === 'ok') run.cleared.add(keyOf(run, 'event_missing'))
}

/** The vault's counter says that it paid, and no event is known: the node left it out, so those blocks are read again. */
async function readAgain(run: Run, safe: Block, since: number): Promise<void> {
  const cursor = await readCursor(run.db, run.key)
  if (!cursor || cursor.rescanFrom !== null) return
  const from = await blockBefore(run, safe, since - CLOCKS_APART_SECONDS_MAX)
  await requestRescan(run.db, run.key, from)
  await rescan(run, from, cursor.number)
  await settleStored(run)
}

/** The newest block below `time`, or the vault's first. */
async function blockBefore(run: Run, safe: Block, time: number): Promise<number> {
  let low = run.firstBlock
  let high = safe.number
  while (high - low > 1 && room(run, 1)) {
    const step = Math.max(1, Math.ceil((high - low) / BLOCK_SEARCH_WIDTH))
    const numbers = Array.from({ length: BLOCK_SEARCH_WIDTH - 1 }, (_, n) => low + step * (n + 1))
    const blocks = await run.chain.blocks(numbers.filter((number) => number < high))
    const before = blocks.filter((block) => block.timestamp < time).map((block) => block.number)
    const notBefore = blocks.filter((block) => block.timestamp >= time).map((block) => block.number)
    low = Math.max(low, ...before)
    high = Math.min(high, ...notBefore)
    if (blocks.length === 0) break
  }
  return low
}
