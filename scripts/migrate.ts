/**
 * `npm run migrate`: brings a database up to date, as its owner (`OWNER_DATABASE_URL`).
 *
 *   --logins           gives the functions' logins new passwords and prints their connection strings, once, with the functions
 *                      that need them; not on the local stack, which gives its own at each start
 *   --faucet           with --logins: also the faucet's login, for a testnet; without it that one has no password and nobody can use it
 *   --tokens <file>    writes token rows from a JSON file: [{symbol, decimals, chainId, contract, transferable, withdrawable, minWithdraw}];
 *                      each contract is asked at the node of `RPC_URL` whether it is there and has those decimals
 *   --skip-chain-check writes them without asking
 *   --distribute       spreads the tables over a Citus cluster; where there is none, it refuses and applies nothing
 */
import './stack/forget-shell.ts'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { JOBS, loginOf, type Job } from '../db/logins.ts'
import { backDoorsLine } from '../db/operate/back-doors.ts'
import { checkCluster, distributeLedger } from '../db/operate/distribute.ts'
import { setPasswords } from '../db/operate/logins.ts'
import { migrateDatabase } from '../db/operate/migrate.ts'
import { onlySessionsLeft } from '../db/operate/sessions.ts'
import { LEDGERS } from '../functions/_lib/ledgers.ts'
import { declaredBy } from './deploy-check/declared.ts'
import { checkTokensOnChain } from './deploy/token-chain.ts'
import { readTokenFile } from './deploy/token-file.ts'
import { argumentsOf, command, UsageError } from './stack/command.ts'
import { putTokens, type TokenSeed } from './stack/database.ts'
import { projectRoot, readManifest } from './stack/manifest.ts'
import { withOwner } from './stack/owner.ts'
import { readWranglerConfig } from './stack/wrangler-config.ts'

const USAGE =
  'usage: npm run migrate -- [--logins [--faucet]] [--tokens <file> [--skip-chain-check]] [--distribute]'

/** The owner's connection string with another login. */
function connectionString(ownerUrl: string, job: Job, password: string): string {
  const url = new URL(ownerUrl)
  url.username = loginOf(job)
  url.password = password
  return url.toString()
}

async function askChain(file: string, tokens: TokenSeed[]): Promise<void> {
  if (tokens.every((token) => token.contract === null)) return
  // The local stack has a node of its own; a shell's is another project's.
  const local = process.env.OWNER_DATABASE_URL === undefined
  const rpcUrl = local ? readManifest().rpcUrl : process.env.RPC_URL
  if (!rpcUrl)
    throw new Error(
      'RPC_URL is not set: give a node that is asked about the contracts, or --skip-chain-check; nothing was applied',
    )
  await checkTokensOnChain(file, tokens, rpcUrl)
}

async function main(): Promise<void> {
  const { values } = argumentsOf({
    usage: USAGE,
    options: {
      logins: { type: 'boolean' },
      faucet: { type: 'boolean' },
      tokens: { type: 'string' },
      'skip-chain-check': { type: 'boolean' },
      distribute: { type: 'boolean' },
    },
  })
  // Before anything is applied: a mistake changes nothing.
  if (values.faucet && !values.logins) throw new UsageError(`--faucet goes with --logins alone\n${USAGE}`)
  if (values.logins && process.env.OWNER_DATABASE_URL === undefined)
    throw new Error(
      'the local stack gives its logins passwords of its own at each start, and its functions would lose theirs; ' +
        'OWNER_DATABASE_URL names another database; nothing was changed',
    )
  const tokens = values.tokens === undefined ? [] : readTokenFile(values.tokens)
  if (values.tokens !== undefined && !values['skip-chain-check']) await askChain(values.tokens, tokens)
  await withOwner(async (ownerUrl) => await bringUpToDate(ownerUrl, tokens, values))
}

async function bringUpToDate(
  ownerUrl: string,
  tokens: TokenSeed[],
  values: { logins?: boolean; faucet?: boolean; 'skip-chain-check'?: boolean; distribute?: boolean },
): Promise<void> {
  if (values.distribute) await checkCluster(ownerUrl)
  const { migrations, verbs } = await migrateDatabase(ownerUrl)
  for (const tag of migrations) console.log(`migration ${tag}: applied`)
  if (verbs.length > 0) console.log(`verbs: applied ${verbs.join(', ')}`)
  if (migrations.length + verbs.length === 0) console.log('the schema and the verbs are up to date')
  const open = await backDoorsLine(ownerUrl)
  if (open !== undefined) console.log(open)
  if (tokens.length > 0) {
    await putTokens(ownerUrl, tokens)
    const unasked = values['skip-chain-check'] ? ', the chain was not asked' : ''
    console.log(`tokens: ${tokens.map((token) => token.symbol).join(', ')}${unasked}`)
  }
  if (values.distribute) for (const line of await distributeLedger(ownerUrl)) console.log(line)
  if (values.logins) await renewLogins(ownerUrl, values.faucet === true)
}

/** Which function needs which is what their code declares. */
async function renewLogins(ownerUrl: string, faucet: boolean): Promise<void> {
  const functions = Object.keys(readWranglerConfig().env ?? {}).sort()
  const secrets = new Map<string, string[]>()
  for (const fn of functions)
    secrets.set(fn, (await declaredBy(join(projectRoot, `functions/${fn}.ts`))).secrets)
  const passwords: Partial<Record<Job, string>> = Object.fromEntries(
    JOBS.filter((job) => faucet || job !== 'admin').map((job) => [job, randomBytes(24).toString('hex')]),
  )
  const left = await setPasswords(ownerUrl, passwords).then(() => undefined, onlySessionsLeft)
  console.log('new passwords, shown once: store each under the name and in the functions that stand above it')
  console.log(
    "(the host is the owner's: at Neon give the functions the pooled one, `-pooler` behind its first name):",
  )
  for (const { job, variable } of LEDGERS) {
    const password = passwords[job]
    if (password === undefined) {
      console.log(
        `  ${variable}: ${loginOf(job)} has no password; --faucet gives it one, where TESTNET_ONLY is true`,
      )
      continue
    }
    const needy = functions.filter((fn) => secrets.get(fn)?.includes(variable))
    console.log(`  ${variable} of ${needy.join(', ')}:`)
    console.log(`    ${connectionString(ownerUrl, job, password)}`)
  }
  // Not before: the passwords are new, and nobody would know them.
  if (left) throw left
}

await command(main)
