/**
 * Cron, every minute: keeps the ledger true to the chain. It has no endpoint, no signing key and no admin key; what it may do
 * is what the verbs granted to `tidegate_settle` do.
 */
import { serveOpen } from './_lib/app.ts'
import { parseEnv } from './_lib/env.ts'
import { logFailure } from './_lib/log.ts'
import { settle, settleSchema } from './_lib/settle-run.ts'
import { pushBalances } from './_lib/stream-client.ts'

export async function scheduled(_event: unknown, bindings: Record<string, unknown>): Promise<void> {
  try {
    const summary = await settle(
      parseEnv(settleSchema, bindings),
      async (pushes) => await pushBalances(bindings, pushes),
    )
    console.log(JSON.stringify({ function: 'settle', ...summary }))
  } catch (error) {
    logFailure('settle', error)
    throw error
  }
}

export default { ...serveOpen('settle'), env: settleSchema, scheduled }
