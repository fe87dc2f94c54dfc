/** All functions behind one origin: what `wrangler dev` runs, and a valid deployment as one Worker. */
import adminCredit from './admin-credit.ts'
import apiKeys from './api-keys.ts'
import auth from './auth.ts'
import health from './health.ts'
import perpBalances from './perp-balances.ts'
import spotBalances from './spot-balances.ts'
import spotTransfer from './spot-transfer.ts'
import spotWithdrawRequest from './spot-withdraw-request.ts'
import spotWithdrawals from './spot-withdrawals.ts'
import spotTransfers from './spot-transfers.ts'
import walletTokens from './wallet-tokens.ts'
import agentBind from './agent-bind.ts'
import agentList from './agent-list.ts'
import agentRevoke from './agent-revoke.ts'
import agentRevokeAll from './agent-revoke-all.ts'
import subaccountCreate from './subaccount-create.ts'
import subaccountList from './subaccount-list.ts'
import subaccountSpotTransfer from './subaccount-spot-transfer.ts'
import subaccountTransfer from './subaccount-transfer.ts'
import { createApp } from './_lib/app.ts'

export const workers = [
  agentBind,
  agentList,
  agentRevoke,
  agentRevokeAll,
  subaccountCreate,
  subaccountList,
  subaccountSpotTransfer,
  subaccountTransfer,
  adminCredit,
  apiKeys,
  auth,
  health,
  perpBalances,
  spotBalances,
  spotTransfer,
  spotWithdrawRequest,
  spotWithdrawals,
  spotTransfers,
  walletTokens,
]

export default { fetch: createApp(workers).fetch }
