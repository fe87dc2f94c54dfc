/** `npm run token -- <address>`: a session token of the local stack, or its admin key, for copy and paste. */
import './stack/forget-shell.ts'
import { parseAccount } from '../functions/_lib/accounts.ts'
import { issueSession } from '../functions/_lib/session.ts'
import { readManifest } from './stack/manifest.ts'

const [what = '', ...more] = process.argv.slice(2)
const account = parseAccount(what)
if ((!account && what !== '--admin-key') || more.length > 0) {
  console.error('usage: npm run token -- <EVM or Solana address>, or --admin-key')
  process.exit(2)
}
try {
  const { adminApiKey, sessionKeys } = readManifest()
  const env = { ...sessionKeys, JWT_TTL_SECONDS: 86_400 }
  const issued = account && (await issueSession(env, account.id, Math.floor(Date.now() / 1000)))
  console.log(issued ? issued.token : adminApiKey)
} catch (error) {
  console.error((error as Error).message)
  process.exit(1)
}
