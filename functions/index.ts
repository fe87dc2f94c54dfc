/** All functions behind one origin: what `wrangler dev` runs, and a valid deployment as one Worker. */
import adminCredit from './admin-credit.ts'
import auth from './auth.ts'
import health from './health.ts'
import perpBalances from './perp-balances.ts'
import settle from './settle.ts'
import spotBalances from './spot-balances.ts'
import spotDeposits from './spot-deposits.ts'
import spotTransfer from './spot-transfer.ts'
import spotWithdrawRequest from './spot-withdraw-request.ts'
import spotWithdrawals from './spot-withdrawals.ts'
import walletTokens from './wallet-tokens.ts'
import { createApp } from './_lib/app.ts'

export const workers = [
  adminCredit,
  auth,
  health,
  perpBalances,
  settle,
  spotBalances,
  spotDeposits,
  spotTransfer,
  spotWithdrawRequest,
  spotWithdrawals,
  walletTokens,
]

export default { fetch: createApp(workers).fetch, scheduled: settle.scheduled }
