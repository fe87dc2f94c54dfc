/** The safe head: the newest block whose events count for good, by configuration and never by a guess. */
import { raiseAlert } from '../../db/ledger/alerts.ts'
import type { Block } from './chain.ts'
import { FINALITY_LAG_SECONDS_MAX, HEAD_AGE_SECONDS_MAX } from './limits.ts'
import type { Run, Standstill } from './settle-run.ts'

/**
 * With `FINALITY=finalized` the block that the node calls final. Whether a chain has final blocks is a fact about the chain, which
 * a person knows: anything else in answer means that nothing is decided in this run. With a number, the block so far below the head.
 *
 * @returns undefined when there is none now, and the summary says why
 * @throws ChainError
 */
export async function safeHead(run: Run): Promise<Block | undefined> {
  const { FINALITY, CHAIN_ID } = run.env
  const { chainId, latest, final } = await run.chain.head(FINALITY === 'finalized')
  if (chainId !== CHAIN_ID) {
    run.summary.outcome = 'wrong_chain_id'
    await raiseAlert(run.db, 'wrong_chain_id', { expected: CHAIN_ID, answered: chainId })
    return undefined
  }
  run.cleared.add('wrong_chain_id')
  const age = Math.floor(Date.now() / 1000) - latest.timestamp
  await watch(run, 'head_stands_still', age, HEAD_AGE_SECONDS_MAX, latest)
  if (FINALITY !== 'finalized') {
    if (latest.number >= FINALITY) return await run.chain.block(latest.number - FINALITY)
    run.summary.outcome = 'node_behind'
    return undefined
  }
  if (typeof final !== 'object' || !below(final, latest)) {
    run.summary.outcome = 'finality_unknown'
    const answered =
      typeof final === 'object' ? { final: final.number, latest: latest.number } : { fault: final }
    await raiseAlert(run.db, 'finality_unknown', answered)
    return undefined
  }
  run.cleared.add('finality_unknown')
  const lag = latest.timestamp - final.timestamp
  await watch(run, 'finality_stands_still', lag, FINALITY_LAG_SECONDS_MAX, final)
  return final
}

/** A final block above the head, or another one at its height, is nonsense. */
const below = (final: Block, latest: Block): boolean =>
  final.number < latest.number || (final.number === latest.number && final.hash === latest.hash)

/** Every call succeeds and nothing moves: no payment, deposit or expiry becomes final, and nobody would notice. */
async function watch(run: Run, kind: Standstill, seconds: number, max: number, at: Block): Promise<void> {
  if (seconds <= max) {
    run.cleared.add(kind)
    return
  }
  run.standstill ??= kind
  await raiseAlert(run.db, kind, { block: at.number, seconds })
}
