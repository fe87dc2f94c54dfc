import * as z from 'zod/mini'
import { serve } from './_lib/http/serve.ts'
import { balancesFor, balancesQuery, BALANCES_ERRORS } from './_lib/money/balances.ts'
import { defineEndpoint } from './_lib/http/endpoint.ts'
import { commonEnv, sessionEnv } from './_lib/env.ts'
import { reads } from './_lib/ledgers.ts'
import { balancesOut } from './_lib/schemas.ts'

export const spotBalances = defineEndpoint({
  method: 'GET',
  path: '/spot/balances',
  tag: 'Spot wallet',
  summary: 'Balances of the spot wallet, by token',
  access: 'read',
  env: z.object({ ...commonEnv, ...sessionEnv }),
  ledger: reads,
  query: balancesQuery,
  response: balancesOut(),
  errors: BALANCES_ERRORS,
  internal: 'internal error',
  handler: async (call) => ({
    balances: await balancesFor(call.db, call.caller, call.query.account, 'spot'),
  }),
})

export default serve('spot-balances', spotBalances)
