/** Follows the vault's logs to the final block. */
import {
  readCursor,
  recordLogs,
  recordRescan,
  startCursor,
  storedTimes,
  type Cursor,
  type RawLog,
} from '../../../db/ledger/record-logs.ts'
import { RangeRefused } from './chain.ts'
import type { Block, Log } from '../chain/answers.ts'
import { ChainError } from '../chain/fault.ts'
import {
  BEHIND_BLOCKS_MAX,
  LOG_OVERLAP_BLOCKS,
  LOG_RANGE_BLOCKS_MAX,
  LOG_RANGES_TOGETHER_MAX,
  LOG_RANGES_TOGETHER_MIN,
  RESCAN_REQUESTS_MAX,
} from '../limits.ts'
import { keyOf, raiseOfVault } from './alerts.ts'
import { finalBlock } from './head.ts'
import { adoptLimits, keepReading } from './reading.ts'
import { room, roomFor, type Run } from './run.ts'

/**
 * Stores every log up to the final block and moves the cursor there.
 *
 * @param known the vault's cursor, where it was read before
 * @returns the final block with the cursor on it; undefined when it was not reached, and the summary says why
 * @throws ChainError, NodesDisagree, BudgetSpent
 */
export async function readUpToFinalBlock(run: Run, known?: Cursor): Promise<Block | undefined> {
  const kept = known ?? (await readCursor(run.db, run.key))
  // Another vault is read with what the nodes have just been found to take.
  if (!run.safe) adoptLimits(run, kept)
  try {
    return await readFrom(run, kept)
  } finally {
    await keepReading(run, kept)
  }
}

async function readFrom(run: Run, kept: Cursor | undefined): Promise<Block | undefined> {
  run.summary.cursor = kept?.number ?? null
  const safe = run.safe ?? (await finalBlock(run))
  if (!safe) return undefined
  run.safe = safe
  run.summary.final_block = safe.number
  const cursor = kept ?? (await firstCursor(run, safe))
  run.summary.cursor = cursor?.number ?? null
  if (!cursor || safe.number < cursor.number) {
    run.summary.outcome = 'node_behind'
    if (cursor && cursor.number - safe.number > BEHIND_BLOCKS_MAX)
      await raiseOfVault(run, 'node_behind', { final_block: safe.number, cursor: cursor.number })
    return undefined
  }
  run.cleared.add(keyOf(run, 'node_behind'))
  const reached = await readRanges(run, cursor, safe)
  if (reached && cursor.rescanFrom !== null) await rescan(run, cursor.rescanFrom, reached.number)
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
  for (let first = true; first || cursor.number < safe.number;) {
    if (!room(run, 3)) return undefined
    const most = stepBlocks(run)
    // The first step begins below the cursor: a node whose log index lagged may have answered those blocks with nothing.
    const overlap = first ? Math.min(LOG_OVERLAP_BLOCKS, Math.floor(most / 2)) : 0
    const from = Math.max(cursor.number + 1 - overlap, run.firstBlock, 0)
    const to = Math.min(from + most - 1, safe.number)
    if (from > to) break
    const answer = await readStep(run, from, to, first ? cursor.number : undefined)
    if (!answer) continue
    const { seen = cursor, last, logs } = answer
    const result = await recordLogs(run.db, run.key, cursor.number, seen.hash, last, logs)
    if (result.outcome !== 'moved') {
      run.summary.outcome = result.outcome
      return undefined
    }
    run.summary.logs += result.stored
    run.summary.cursor = last.number
    cursor = last
    first = false
  }
  return cursor.hash === safe.hash ? cursor : undefined
}

/**
 * Reads once more what a person, a counter or an unexplained coin asked for, from where the last run left it: a part each run, so
 * that what is due now never waits for it.
 */
export async function rescan(run: Run, from: number, upTo: number): Promise<void> {
  // By lot: the one that is asked first left something out, or another one would.
  run.nodes.beginWith(Math.floor(Math.random() * run.nodes.all.length))
  try {
    await readAgain(run, from, upTo)
  } finally {
    run.nodes.beginWith(0)
  }
}

async function readAgain(run: Run, from: number, upTo: number): Promise<void> {
  const least = roomFor(run) - RESCAN_REQUESTS_MAX
  for (let next = from; next <= upTo && roomFor(run) > Math.max(least, 2);) {
    const answer = await readStep(run, next, Math.min(next + stepBlocks(run) - 1, upTo), undefined)
    if (!answer) continue
    const result = await recordRescan(run.db, run.key, next, answer.last.number, answer.logs)
    if (result.outcome !== 'moved') return
    run.summary.logs += result.stored
    next = answer.last.number + 1
  }
}

/** Blocks of one step: ranges as long as the node takes them, as many as make one batch, and a few where batches are small. */
function stepBlocks(run: Run): number {
  const { blocks, together } = run.chain.rangeSize()
  const ranges = Math.min(Math.max(together - 2, LOG_RANGES_TOGETHER_MIN), LOG_RANGES_TOGETHER_MAX)
  return Math.min(blocks * ranges, LOG_RANGE_BLOCKS_MAX)
}

interface Step {
  /** The block that was asked for beside it. */
  seen: Block | undefined
  /** The last one whose logs these are: `to`, or an earlier one where the logs' blocks were too many to ask for. */
  last: Block
  logs: RawLog[]
}

/** Undefined when the node wants smaller ranges. @throws ChainError when one block is too much, or the node is down */
async function readStep(
  run: Run,
  from: number,
  to: number,
  beside: number | undefined,
): Promise<Step | undefined> {
  const { blocks: size } = run.chain.rangeSize()
  const ranges: [number, number][] = []
  for (let at = from; at <= to; at += size) ranges.push([at, Math.min(at + size - 1, to)])
  try {
    const { logs, blocks } = await run.chain.logs(ranges, beside === undefined ? [to] : [to, beside])
    const [last, seen] = blocks as [Block, Block | undefined]
    const step = await timed(run, logs, last, blocks)
    // A step that ends within what is read again leaves the cursor where it is.
    return { seen, ...step, last: seen && step.last.number < seen.number ? seen : step.last }
  } catch (error) {
    if (error instanceof RangeRefused) return undefined
    throw error
  }
}

/**
 * Gives each log its block's time, and refuses logs of another fork than the blocks the node shows, or of two forks: an event
 * is known by its transaction and not by its block, and a transaction is in one block. Where logs bring no time and
 * are in more blocks than may be asked for, the step ends with the last that may.
 */
async function timed(
  run: Run,
  logs: Log[],
  end: Block,
  known: Block[],
): Promise<Pick<Step, 'last' | 'logs'>> {
  const blocks = new Map(known.map((block) => [block.number, block]))
  const without = logs.filter((log) => log.block_timestamp === undefined && !blocks.has(log.block_number))
  // Most blocks that are read again are known: only the others cost a call each.
  const transactions = [...new Set(without.map((log) => log.tx_hash))]
  const times =
    transactions.length > 0 ? await storedTimes(run.db, run.key, transactions) : new Map<string, number>()
  const unknown = without.filter((log) => !times.has(log.block_hash))
  const missing = [...new Set(unknown.map((log) => log.block_number))].sort((a, b) => a - b)
  // One request is left for storing what was read.
  const most = Math.max(1, roomFor(run) - 1) * run.chain.rangeSize().together
  const asked = missing.slice(0, most)
  if (asked.length > 0) for (const block of await run.chain.blocks(asked)) blocks.set(block.number, block)
  const last = asked.length < missing.length ? (blocks.get(asked.at(-1) ?? 0) ?? end) : end
  const within = logs.filter((log) => log.block_number <= last.number)
  const homes = new Map(logs.map((log) => [log.tx_hash, log.block_hash]))
  return {
    last,
    logs: within.map((log) => {
      if (homes.get(log.tx_hash) !== log.block_hash) throw new ChainError('nonsense', 'eth_getLogs')
      const block = blocks.get(log.block_number)
      if (block && block.hash !== log.block_hash) throw new ChainError('nonsense', 'eth_getBlockByNumber')
      return {
        ...log,
        block_timestamp: block?.timestamp ?? log.block_timestamp ?? times.get(log.block_hash) ?? 0,
      }
    }),
  }
}
