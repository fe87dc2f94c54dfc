/** Follows the vault's logs to the safe head. */
import {
  readCursor,
  recordLogs,
  recordRescan,
  startCursor,
  type Cursor,
  type RawLog,
} from '../../db/ledger/record-logs.ts'
import { raiseAlert } from '../../db/ledger/alerts.ts'
import type { Block, Log } from './chain.ts'
import { ChainError } from './chain-fault.ts'
import { LOG_OVERLAP_BLOCKS, LOG_RANGE_BLOCKS_MAX } from './limits.ts'
import { safeHead } from './settle-head.ts'
import { room, type Run } from './settle-run.ts'

/** Blocks a node may be behind what another one has shown before it is worth an alert. */
const BEHIND_BLOCKS_MAX = 50

/**
 * Stores every log up to the safe head and moves the cursor there.
 *
 * @returns the safe head with the cursor on it; undefined when it was not reached, and the summary says why
 * @throws ChainError
 */
export async function readUpToSafeHead(run: Run): Promise<Block | undefined> {
  const safe = await safeHead(run)
  if (!safe) return undefined
  run.summary.safe_head = safe.number
  const cursor = (await readCursor(run.db, run.key)) ?? (await firstCursor(run, safe))
  run.summary.cursor = cursor?.number ?? null
  if (!cursor || safe.number < cursor.number) {
    run.summary.outcome = 'node_behind'
    if (cursor && cursor.number - safe.number > BEHIND_BLOCKS_MAX)
      await raiseAlert(run.db, 'node_behind', { safe_head: safe.number, cursor: cursor.number })
    return undefined
  }
  run.cleared.add('node_behind')
  const reached = await readRanges(run, cursor, safe)
  if (reached) await rescan(run)
  return reached
}

/** A new ledger begins just below the vault's own deployment. */
async function firstCursor(run: Run, safe: Block): Promise<Cursor | undefined> {
  const number = Math.max(run.env.VAULT_DEPLOY_BLOCK - 1, 0)
  if (number > safe.number) return undefined
  await startCursor(run.db, run.key, await run.chain.block(number))
  return await readCursor(run.db, run.key)
}

async function readRanges(run: Run, start: Block, safe: Block): Promise<Block | undefined> {
  let cursor = start
  let size = LOG_RANGE_BLOCKS_MAX
  // The first range begins below the cursor: a node whose log index lagged may have answered those blocks with nothing.
  for (let first = true; first || cursor.number < safe.number;) {
    if (!room(run, 3)) return undefined
    const overlap = first ? Math.min(LOG_OVERLAP_BLOCKS, Math.floor(size / 2)) : 0
    const from = Math.max(cursor.number + 1 - overlap, run.env.VAULT_DEPLOY_BLOCK, 0)
    const to = Math.min(from + size - 1, safe.number)
    if (from > to) break
    const answer = await logsOrSmaller(run, from, to, [cursor.number, to], size)
    if (typeof answer === 'number') {
      size = answer
      continue
    }
    const [seen, last] = answer.blocks as [Block, Block]
    const result = await recordLogs(run.db, run.key, cursor.number, seen.hash, last, answer.logs)
    if (result.outcome !== 'moved') {
      run.summary.outcome = result.outcome
      return undefined
    }
    run.summary.logs += result.stored
    run.summary.cursor = last.number
    cursor = last
    first = false
    size = Math.min(size * 2, LOG_RANGE_BLOCKS_MAX)
  }
  return cursor.hash === safe.hash ? cursor : undefined
}

/** Reads once more what somebody asked for: a part each run, as far as the budget goes. */
export async function rescan(run: Run): Promise<void> {
  let size = LOG_RANGE_BLOCKS_MAX
  while (room(run, 4)) {
    const cursor = await readCursor(run.db, run.key)
    if (!cursor || cursor.rescanFrom === null) return
    const to = Math.min(cursor.rescanFrom + size - 1, cursor.number)
    const answer = await logsOrSmaller(run, cursor.rescanFrom, to, [], size)
    if (typeof answer === 'number') {
      size = answer
      continue
    }
    const result = await recordRescan(run.db, run.key, cursor.rescanFrom, to, answer.logs)
    if (result.outcome !== 'moved') return
    run.summary.logs += result.stored
  }
}

/** The range's logs, or the smaller size to ask for next. @throws ChainError when one block is too much, or the node is down */
async function logsOrSmaller(
  run: Run,
  from: number,
  to: number,
  alongside: number[],
  size: number,
): Promise<{ logs: RawLog[]; blocks: Block[] } | number> {
  try {
    const { logs, blocks } = await run.chain.logs(from, to, alongside)
    return { logs: await timed(run, logs, blocks), blocks }
  } catch (error) {
    const mayHelp = error instanceof ChainError && error.method === 'eth_getLogs' && size > 1
    if (mayHelp && error.fault === 'refused') return Math.floor(size / 2)
    if (mayHelp && error.fault === 'slow') return Math.max(1, Math.floor(size / 16))
    throw error
  }
}

/**
 * Gives each log its block's time, and refuses logs of another fork than the blocks the node shows, or of two forks: an event
 * is known by its transaction and not by its block, and a transaction is in one block.
 */
async function timed(run: Run, logs: Log[], known: Block[]): Promise<RawLog[]> {
  const blocks = new Map(known.map((block) => [block.number, block]))
  const unknown = logs.filter((log) => log.block_timestamp === undefined && !blocks.has(log.block_number))
  const missing = [...new Set(unknown.map((log) => log.block_number))]
  if (missing.length > 0) for (const block of await run.chain.blocks(missing)) blocks.set(block.number, block)
  const homes = new Map(logs.map((log) => [log.tx_hash, log.block_hash]))
  return logs.map((log) => {
    if (homes.get(log.tx_hash) !== log.block_hash) throw new ChainError('nonsense', 'eth_getLogs')
    const block = blocks.get(log.block_number)
    if (block && block.hash !== log.block_hash) throw new ChainError('nonsense', 'eth_getBlockByNumber')
    return { ...log, block_timestamp: block?.timestamp ?? log.block_timestamp ?? 0 }
  })
}
