/** Ends a run, however it went: writes its summary, and raises what a person must hear. */
import { DatabaseError, LedgerRefusal } from '../../../db/errors.ts'
import { raiseAlert } from '../../../db/ledger/alerts.ts'
import { finishRun } from '../../../db/ledger/settle-run.ts'
import { checkOpenWithdrawals } from '../../../db/ledger/solvency.ts'
import { WEBHOOK_ALERTS_MAX } from '../limits.ts'
import { logFailure } from '../log.ts'
import type { Run } from './context.ts'
import { tellAlerts, tellUnstored } from './webhook.ts'

export async function end(run: Run, startedAt: number): Promise<void> {
  const { summary } = run
  if (summary.outcome === 'ok' && run.standstill) summary.outcome = run.standstill
  if (summary.outcome !== 'failed') run.cleared.add('settle_failed')
  summary.rpc_requests = run.nodes.spent.requests
  summary.subrequests = run.nodes.spent.requests + run.db.spent.roundTrips + run.witnessCalls + 1
  summary.ms = Date.now() - startedAt
  const { open, tell } = await finishRun(run.db, {
    summary,
    cleared: [...run.cleared],
    chainId: run.key.chainId,
    turns: run.turns,
    tellMax: run.env.ALERT_WEBHOOK_URL ? WEBHOOK_ALERTS_MAX : 0,
  })
  summary.alerts = open
  await tellAlerts(run.db, run.env.ALERT_WEBHOOK_URL, tell)
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
