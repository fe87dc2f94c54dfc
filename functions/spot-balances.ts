import { serve } from './_lib/http/serve.ts'
import { balancesFor, balancesQuery, BALANCES_ERRORS } from './_lib/money/balances.ts'
import { read } from './_lib/access/read.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { reads } from './_lib/ledgers.ts'
import { balancesOut } from './_lib/schemas.ts'

export const spotBalances = endpoint({
  method: 'GET',
  path: '/spot/balances',
  tag: 'Spot wallet',
  summary: 'Balances of the spot wallet, by token',
  access: read,
  ledger: reads,
  query: balancesQuery,
  response: balancesOut(),
  errors: BALANCES_ERRORS,
  handle: async (call) => await balancesFor(call.db, call.caller, call.query, 'spot'),
})

export default serve('spot-balances', spotBalances)
