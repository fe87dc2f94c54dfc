/** What the cron function does each minute, once a request: the answer is the line it would log. */
import { parseEnv } from '../../functions/_lib/env-read.ts'
import type { Bound } from '../../functions/_lib/http/objects.ts'
import { settleSchema } from '../../functions/_lib/settle/context.ts'
import { settle } from '../../functions/_lib/settle/run.ts'
import { pushBalances } from '../../functions/_lib/stream/client.ts'

import { witnessOf } from '../../functions/_lib/witness/object.ts'

export { LedgerWitness } from '../../functions/_lib/witness/object.ts'
export { AccountStream } from '../../functions/_lib/stream/account-stream.ts'

export default {
  async fetch(_request: Request, bindings: Bound<'STREAM' | 'WITNESS'>): Promise<Response> {
    const env = parseEnv(settleSchema, bindings)
    return Response.json(
      await settle(env, async (pushes) => await pushBalances(bindings, pushes), witnessOf(bindings)),
    )
  },
}
