/** All functions behind one origin: what `npm run dev` runs, and a valid deployment as one Worker. */
import adminCredit from './admin-credit.ts'
import agentBind from './agent-bind.ts'
import agentList from './agent-list.ts'
import agentRevokeAll from './agent-revoke-all.ts'
import agentRevoke from './agent-revoke.ts'
import apiKeys from './api-keys.ts'
import auth from './auth.ts'
import authLogout from './auth-logout.ts'
import docs from './docs.ts'
import health from './health.ts'
import perpBalances from './perp-balances.ts'
import settle from './settle.ts'
import spotBalances from './spot-balances.ts'
import spotDeposits from './spot-deposits.ts'
import spotTransfer from './spot-transfer.ts'
import spotTransfers from './spot-transfers.ts'
import spotWithdrawRequest from './spot-withdraw-request.ts'
import spotWithdrawals from './spot-withdrawals.ts'
import stream from './stream.ts'
import subaccountCreate from './subaccount-create.ts'
import subaccountList from './subaccount-list.ts'
import subaccountSpotTransfer from './subaccount-spot-transfer.ts'
import subaccountTransfer from './subaccount-transfer.ts'
import time from './time.ts'
import walletTokens from './wallet-tokens.ts'
import wallet from './wallet.ts'
import { createApp } from './_lib/http/serve.ts'

export { LedgerWitness } from './settle.ts'
export { AccountStream } from './stream.ts'

export const workers = [
  adminCredit,
  agentBind,
  agentList,
  agentRevokeAll,
  agentRevoke,
  apiKeys,
  auth,
  authLogout,
  docs,
  health,
  perpBalances,
  settle,
  spotBalances,
  spotDeposits,
  spotTransfer,
  spotTransfers,
  spotWithdrawRequest,
  spotWithdrawals,
  stream,
  subaccountCreate,
  subaccountList,
  subaccountSpotTransfer,
  subaccountTransfer,
  time,
  walletTokens,
  wallet,
]

export default { fetch: createApp(workers).fetch, scheduled: settle.scheduled }
