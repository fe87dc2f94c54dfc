/** Follows the vault's logs to the final block. */
import {
  readCursor,
  recordLogs,
  recordRescan,
  startCursor,
  type Cursor,
} from '../../../db/ledger/record-logs.ts'
import type { Block } from '../chain/answers.ts'
import { BEHIND_BLOCKS_MAX, LOG_OVERLAP_BLOCKS, RESCAN_REQUESTS_MAX } from '../limits.ts'
import { keyOf, raiseOfVault } from './alerts.ts'
import { room, roomFor, type Run } from './context.ts'
import { finalBlock } from './head.ts'
import { readStep, stepBlocks } from './log-step.ts'
import { adoptLimits, keepReading } from './reading.ts'

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
