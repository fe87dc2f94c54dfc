/** Finds the final block: the newest one whose events count for good. That is configured (FINALITY), never guessed. */
import { raiseAlert } from '../../../db/ledger/alerts.ts'
import type { Block } from '../chain/answers.ts'
import { FINALITY_LAG_SECONDS_MAX, HEAD_AGE_SECONDS_MAX } from '../limits.ts'
import type { Run, Standstill } from './context.ts'

/**
 * With `FINALITY=finalized` the block that the node calls final. Whether a chain has final blocks is a fact about the chain, which
 * a person knows: anything else in answer means that nothing is decided in this run. With a number, the block so far below the head.
 *
 * @returns undefined when there is none now, and the summary says why
 * @throws ChainError, NodesDisagree, BudgetSpent
 */
export async function finalBlock(run: Run): Promise<Block | undefined> {
  const { FINALITY, CHAIN_ID } = run.env
  const head = await run.chain.head(FINALITY, CHAIN_ID)
  for (const { reason, ...said } of head.reason ? [head] : head.without) {
    if (reason !== 'wrong_chain_id') continue
    await raiseAlert(run.db, reason, { expected: CHAIN_ID, ...said })
  }
  if (head.reason) {
    run.summary.outcome = head.reason === 'chain_too_young' ? 'node_behind' : head.reason
    const { reason, ...said } = head
    if (reason === 'finality_unknown') await raiseAlert(run.db, reason, said)
    return undefined
  }
  run.cleared.add('finality_unknown')
  if (head.without.every(({ reason }) => reason !== 'wrong_chain_id')) run.cleared.add('wrong_chain_id')
  const { latest, safe } = head
  const age = Math.floor(Date.now() / 1000) - latest.timestamp
  await watch(run, 'head_stands_still', age, HEAD_AGE_SECONDS_MAX, latest)
  if (FINALITY === 'finalized')
    await watch(
      run,
      'finality_stands_still',
      latest.timestamp - safe.timestamp,
      FINALITY_LAG_SECONDS_MAX,
      safe,
    )
  return safe
}

/** Every call succeeds and nothing moves: no payment, deposit or expiry becomes final, and nobody would notice. */
async function watch(run: Run, kind: Standstill, seconds: number, max: number, at: Block): Promise<void> {
  if (seconds <= max) {
    run.cleared.add(kind)
    return
  }
  run.standstill ??= kind
  await raiseAlert(run.db, kind, { block: at.number, seconds })
}
