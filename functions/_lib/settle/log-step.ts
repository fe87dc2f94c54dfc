/** One step of reading logs: as many blocks as the nodes take, each log with the time of its block. */
import { storedTimes, type RawLog } from '../../../db/ledger/record-logs.ts'
import type { Block, Log } from '../chain/answers.ts'
import { ChainError } from '../chain/fault.ts'
import { LOG_RANGE_BLOCKS_MAX, LOG_RANGES_TOGETHER_MAX, LOG_RANGES_TOGETHER_MIN } from '../limits.ts'
import { RangeRefused } from './chain.ts'
import { roomFor, type Run } from './context.ts'

/** Blocks of one step: ranges as long as the node takes them, as many as make one batch, and a few where batches are small. */
export function stepBlocks(run: Run): number {
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
export async function readStep(
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
