/** `npm run token -- <address>`: a session token of the local stack, for copy and paste. */
import './stack/forget-shell.ts'
import { parseAccount } from '../functions/_lib/accounts.ts'
import { issueSession } from '../functions/_lib/session.ts'
import { readManifest } from './stack/manifest.ts'

const account = parseAccount(process.argv[2] ?? '')
if (!account || process.argv.length > 3) {
  console.error('usage: npm run token -- <EVM or Solana address>')
  process.exit(2)
}
try {
  const env = { ...readManifest().sessionKeys, JWT_TTL_SECONDS: 86_400 }
  console.log((await issueSession(env, account.id, Math.floor(Date.now() / 1000))).token)
} catch (error) {
  console.error((error as Error).message)
  process.exit(1)
}
