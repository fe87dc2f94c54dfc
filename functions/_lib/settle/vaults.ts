/**
 * Vaults that the configuration named before, followed until nothing signed for them is open: a signature stays good for its own
 * vault, whatever the configuration says by then. They take turns: a run follows as many as its requests allow, those first whose
 * turn was longest ago.
 */
import type { OtherVault } from '../../../db/ledger/other-vaults.ts'
import { SETTLE_QUIET_TURN_REQUESTS } from '../limits.ts'
import { concludeNodes, keyOf, markOf } from './alerts.ts'
import { connectChain } from './chain.ts'
import { room, type Run } from './context.ts'
import { settleDoubts } from './counters.ts'
import { settleStored } from './events.ts'
import { expireDue } from './expiry.ts'
import { readUpToFinalBlock } from './logs.ts'
import { followed, waits } from './setbacks.ts'
import { checkVault, holdingsAt } from './vault-state.ts'

const COUNTS = ['logs', 'confirmed', 'deposited', 'expired', 'quarantined'] as const

/** Follows them to the same final block, after the configured one and as far as the budget goes. */
export async function followOthers(run: Run, vaults: OtherVault[]): Promise<void> {
  run.keptBack = 0
  for (const [at, vault] of vaults.entries()) {
    if (!run.safe || !room(run, SETTLE_QUIET_TURN_REQUESTS)) return
    const other = beside(run, vault)
    run.turns.push(vault.vault)
    await followed(other, async () => await follow(other, vault)).catch((error: unknown) =>
      waits(other, error),
    )
    run.undone ??= other.undone
    await concludeNodes(other)
    for (const count of COUNTS) run.summary[count] += other.summary[count]
    for (const key of other.cleared) run.cleared.add(key)
    // What did not fit behind others comes first in the next run, and what fits nowhere keeps nobody waiting.
    if (at > 0 && other.summary.outcome === 'budget') run.turns.pop()
    if (run.summary.outcome === 'ok') run.summary.outcome = other.summary.outcome
  }
}

async function follow(other: Run, vault: OtherVault): Promise<void> {
  const safe = await readUpToFinalBlock(other, vault.cursor)
  const settled = (other.summary.logs === 0 && !vault.pending) || (await settleStored(other))
  if (!safe || !settled) return
  const holdings = await holdingsAt(other, safe)
  if (!holdings) return
  if (vault.doubts) await settleDoubts(other, safe)
  if (vault.firstDeadline !== null && vault.firstDeadline < safe.timestamp) await expireDue(other, safe)
  else other.cleared.add(keyOf(other, 'event_missing'))
  await checkVault(other, safe, false, holdings)
}

/** The same run at another vault, with a summary of its own. */
function beside(run: Run, { vault, firstBlock }: OtherVault): Run {
  const none = { logs: 0, confirmed: 0, deposited: 0, expired: 0, quarantined: 0 }
  return {
    ...run,
    key: { ...run.key, vault },
    chain: connectChain(run.nodes, vault),
    firstBlock,
    summary: { ...run.summary, ...none, outcome: 'ok' },
    cleared: new Set(),
    isOther: true,
    since: markOf(run),
  }
}
