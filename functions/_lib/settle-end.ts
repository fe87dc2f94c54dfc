/** The end of a run, whichever it is: its summary, and what a person must hear. */
import { DatabaseError, LedgerRefusal } from '../../db/errors.ts'
import { raiseAlert } from '../../db/ledger/alerts.ts'
import { finishRun } from '../../db/ledger/settle-run.ts'
import { checkOpenWithdrawals } from '../../db/ledger/solvency.ts'
import { logFailure } from './log.ts'
import type { Run } from './settle-run.ts'
import { tellAlerts, tellUnstored } from './webhook.ts'

export async function end(run: Run, startedAt: number): Promise<void> {
  const { summary } = run
  if (['ok', 'budget', 'finality_unknown', 'no_vault', 'state_missing'].includes(summary.outcome))
    run.cleared.add('rpc_unavailable')
  if (summary.outcome === 'ok' && run.standstill) summary.outcome = run.standstill
  await tellNodes(run)
  if (summary.outcome !== 'failed') run.cleared.add('settle_failed')
  summary.rpc_requests = run.nodes.spent.requests
  summary.subrequests = run.nodes.spent.requests + run.db.spent.roundTrips + run.witnessCalls + 1
  summary.ms = Date.now() - startedAt
  const { open, tell } = await finishRun(run.db, summary, [...run.cleared])
  summary.alerts = open
  await tellAlerts(run.db, run.env.ALERT_WEBHOOK_URL, tell)
}

/** Nodes that failed or differed although the run went on without them: the next failure may be the last one's. */
async function tellNodes({ db, nodes, cleared }: Run): Promise<void> {
  if (nodes.spent.requests === 0) return
  const [failure] = nodes.failures.values()
  if (failure && nodes.all.length > 1) {
    const failed = [...nodes.failures.values()].map(({ node, fault, method }) => ({ node, fault, method }))
    await raiseAlert(db, 'node_failing', { nodes: failed })
  } else {
    cleared.add('node_failing')
  }
  const differed = nodes.disagreements.at(-1)
  if (differed) await raiseAlert(db, 'nodes_disagree', { answer: differed.answer, nodes: differed.nodes })
  else cleared.add('nodes_disagree')
}

/** Ends a run that broke off. Never throws: where Postgres cannot be told, a person is, and the log has both. */
export async function failed(run: Run, startedAt: number, error: unknown): Promise<void> {
  run.summary.outcome = 'failed'
  const detail = reasonOf(error)
  try {
    await raiseAlert(run.db, 'settle_failed', detail)
    // What broke the run off may be what this finds: frozen amounts that do not add up refuse every batch they are in.
    await checkOpenWithdrawals(run.db).catch((second: unknown) => logFailure('settle', second))
    await end(run, startedAt)
  } catch (second) {
    logFailure('settle', second)
    await tellUnstored(run.env.ALERT_WEBHOOK_URL, 'settle_failed', detail)
  }
  console.log(JSON.stringify({ function: 'settle', ...run.summary }))
}

/** Names and codes only: messages can quote values. */
function reasonOf(error: unknown): object {
  if (error instanceof DatabaseError) return { sqlstate: error.sqlstate ?? null, outcome: error.outcome }
  if (error instanceof LedgerRefusal) return { refused: error.reason }
  return { error: error instanceof Error ? error.name : 'unknown' }
}
