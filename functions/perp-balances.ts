import * as z from 'zod/mini'
import { serve } from './_lib/http/serve.ts'
import { balancesFor, balancesQuery, BALANCES_ERRORS } from './_lib/money/balances.ts'
import { defineEndpoint } from './_lib/http/endpoint.ts'
import { commonEnv, sessionEnv } from './_lib/env.ts'
import { reads } from './_lib/ledgers.ts'
import { balancesOut } from './_lib/schemas.ts'

export const perpBalances = defineEndpoint({
  method: 'GET',
  path: '/perp/balances',
  tag: 'Perp margin',
  summary: 'Balances of perp margin, by token',
  access: 'read',
  env: z.object({ ...commonEnv, ...sessionEnv }),
  ledger: reads,
  query: balancesQuery,
  response: balancesOut(),
  errors: BALANCES_ERRORS,
  internal: 'internal error',
  handler: async (call) => ({
    balances: await balancesFor(call.db, call.caller, call.query.account, 'perp'),
  }),
})

export default serve('perp-balances', perpBalances)
