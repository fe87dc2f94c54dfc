/**
 * Vaults that the configuration named before, followed until nothing signed for them is open: a signature stays good for its own
 * vault, whatever the configuration says by then.
 */
import type { OtherVault } from '../../db/ledger/other-vaults.ts'
import { connectChain } from './chain.ts'
import { settleDoubts } from './settle-counters.ts'
import { expireDue } from './settle-expiry.ts'
import { readUpToSafeHead } from './settle-logs.ts'
import { readHoldings } from './settle-vault-state.ts'
import { checkVault, followed, room, settleStored, type Run } from './settle-run.ts'

/** Cursor, logs, storing, settling, doubts, what is due, its counters, giving back; tokens, holdings and their check. */
const REQUESTS_A_VAULT = 12
/** What only holds when it holds for every vault. */
const OF_EVERY_VAULT = ['event_missing', 'falling_behind', 'node_behind']
const COUNTS = ['logs', 'confirmed', 'deposited', 'expired', 'quarantined'] as const

/** Follows each of them to the same safe head, after the configured one and as far as the budget goes. */
export async function followOthers(run: Run, vaults: OtherVault[]): Promise<void> {
  for (const vault of vaults) {
    const other = beside(run, vault)
    if (run.safe && room(run, REQUESTS_A_VAULT)) await followed(other, async () => await follow(other))
    for (const count of COUNTS) run.summary[count] += other.summary[count]
    if (run.summary.outcome === 'ok') run.summary.outcome = other.summary.outcome
    for (const kind of OF_EVERY_VAULT) if (!other.cleared.has(kind)) run.cleared.delete(kind)
  }
}

async function follow(other: Run): Promise<void> {
  const safe = await readUpToSafeHead(other)
  const settled = await settleStored(other)
  if (!safe || !settled) return
  await settleDoubts(other, safe)
  await expireDue(other, safe)
  await checkVault(other, safe, false, await readHoldings(other, safe))
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
  }
}
