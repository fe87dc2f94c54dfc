/** What a transfer costs before its verb: the same router, session check and body, and `SELECT 1` as the query. */
import * as z from 'zod/mini'
import { ping } from '../../db/ledger/health.ts'
import { serve } from '../../functions/_lib/http/serve.ts'
import { session } from '../../functions/_lib/access/session.ts'
import { endpoint } from '../../functions/_lib/http/endpoint.ts'
import { transfers } from '../../functions/_lib/ledgers.ts'
import { amountIn, tokenIn } from '../../functions/_lib/schemas.ts'

export const selectOne = endpoint({
  method: 'POST',
  path: '/select-one',
  tag: 'Benchmark',
  summary: 'SELECT 1 behind a session and a body',
  access: session,
  ledger: transfers,
  // As spot-transfer.ts has it.
  body: z.strictObject({ token: tokenIn(), direction: z.string(), amount: amountIn() }),
  handle: async (call) => {
    await ping(call.db)
    return { status: 'ok' }
  },
})

export default serve('select-one', selectOne)
