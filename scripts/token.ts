/** `npm run token -- <address>`: a session token of the local stack, or its admin key, for copy and paste. */
import './stack/forget-shell.ts'
import { parseAccount } from '../functions/_lib/wallet/accounts.ts'
import { issueSession } from '../functions/_lib/access/session-token.ts'
import { argumentsOf, command, UsageError } from './stack/command.ts'
import { readManifest } from './stack/manifest.ts'

const USAGE = 'usage: npm run token -- <EVM or Solana address>, or --admin-key'

await command(async () => {
  const { values, words } = argumentsOf({
    usage: USAGE,
    options: { 'admin-key': { type: 'boolean', default: false } },
    words: [0, 1],
  })
  const [address] = words
  if ((address === undefined) !== values['admin-key']) throw new UsageError(USAGE)
  const account = address === undefined ? undefined : parseAccount(address)
  if (account === null) throw new UsageError(`${address} is not an EVM or Solana address\n${USAGE}`)
  const { adminApiKey, sessionKeys } = readManifest()
  const env = { ...sessionKeys, JWT_TTL_SECONDS: 86_400 }
  const issued = account && (await issueSession(env, account.id, Math.floor(Date.now() / 1000)))
  console.log(issued ? issued.token : adminApiKey)
})
