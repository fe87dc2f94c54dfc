/**
 * Cron, every minute: keeps the ledger true to the chain. It has no endpoint, no signing key and no admin key; what it may do
 * is what the verbs granted to `tidegate_settle` do.
 */
import { OwnError } from '../db/errors.ts'
import type { Bound } from './_lib/http/objects.ts'
import { serve } from './_lib/http/serve.ts'
import { parseEnv } from './_lib/env-read.ts'
import { witnessOf } from './_lib/witness/object.ts'
import { logFailure } from './_lib/log.ts'
import { settleSchema } from './_lib/settle/context.ts'
import { settle } from './_lib/settle/run.ts'
import { pushBalances } from './_lib/stream/client.ts'

export { LedgerWitness } from './_lib/witness/object.ts'

const OBJECTS = ['STREAM', 'WITNESS'] as const

export async function scheduled(_event: unknown, bindings: Bound<(typeof OBJECTS)[number]>): Promise<void> {
  try {
    const summary = await settle(
      parseEnv(settleSchema, bindings),
      async (pushes) => await pushBalances(bindings, pushes),
      witnessOf(bindings),
    )
    console.log(JSON.stringify({ function: 'settle', ...summary }))
  } catch (error) {
    logFailure('settle', error)
    // The runtime logs what is thrown, message and all: not a library's.
    throw new OwnError('this run of settle failed; the line above says why')
  }
}

export default {
  ...serve('settle'),
  env: settleSchema,
  objects: OBJECTS,
  crons: ['* * * * *'],
  scheduled,
}
