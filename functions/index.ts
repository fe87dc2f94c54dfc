/** All functions behind one origin: what `wrangler dev` runs, and a valid deployment as one Worker. */
import adminCredit from './admin-credit.ts'
import auth from './auth.ts'
import docs from './docs.ts'
import health from './health.ts'
import perpBalances from './perp-balances.ts'
import spotBalances from './spot-balances.ts'
import spotTransfer from './spot-transfer.ts'
import stream from './stream.ts'
import walletTokens from './wallet-tokens.ts'
import { createApp } from './_lib/app.ts'

export { AccountStream } from './stream.ts'

export const workers = [
  adminCredit,
  auth,
  docs,
  health,
  perpBalances,
  spotBalances,
  spotTransfer,
  stream,
  walletTokens,
]

export default { fetch: createApp(workers).fetch }
