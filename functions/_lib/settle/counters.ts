/** Looks at doubted counters again, at a final block. What follows from it is decided in db/ledger/counter.sql. */
import { doubtedAccounts, settleCounters } from '../../../db/ledger/counter.ts'
import type { Block } from '../chain/answers.ts'
import { ChainError } from '../chain/fault.ts'
import { COUNTER_DOUBTS_MAX } from '../limits.ts'
import { room, type Run } from './context.ts'

/** @throws ChainError: what was doubted stays so */
export async function settleDoubts(run: Run, safe: Block): Promise<void> {
  const accounts = await doubtedAccounts(run.db, run.key, COUNTER_DOUBTS_MAX)
  if (accounts.length === 0 || !room(run, 2)) return
  const { block, counters } = await run.chain.counters(accounts, safe.number)
  if (block.hash !== safe.hash) throw new ChainError('nonsense', 'eth_getBlockByNumber')
  const rows = [...counters].map(([account, counter]) => ({ account, counter }))
  if (rows.some(({ counter }) => !Number.isSafeInteger(Number(counter))))
    throw new ChainError('nonsense', 'eth_call')
  await settleCounters(run.db, run.key, safe, rows)
}
