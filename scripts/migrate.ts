/**
 * `npm run migrate`: brings a database up to date, as its owner (`OWNER_DATABASE_URL`).
 *
 *   --roles            gives the functions' logins new passwords and prints their connection strings, once
 *   --tokens <file>    writes token rows from a JSON file: [{symbol, decimals, chainId, contract, transferable, withdrawable, minWithdraw}];
 *                      each contract is asked at the node of `RPC_URL` whether it is there and has those decimals
 *   --skip-chain-check writes them without asking
 *   --distribute       spreads the tables over a Citus cluster; where there is none, it refuses and applies nothing
 */
import './stack/forget-shell.ts'
import { randomBytes } from 'node:crypto'
import { backDoorsLine } from '../db/operate/back-doors.ts'
import { checkCluster, distributeLedger } from '../db/operate/distribute.ts'
import { migrateDatabase } from '../db/operate/migrate.ts'
import { checkTokensOnChain } from './deploy/token-chain.ts'
import { readTokenFile } from './deploy/token-file.ts'
import { EDGE_ROLES, putTokens, setRolePasswords, type EdgeRole, type TokenSeed } from './stack/database.ts'
import { argumentsOf, command } from './stack/command.ts'
import { readManifest } from './stack/manifest.ts'
import { withOwner } from './stack/owner.ts'

const USAGE = 'usage: npm run migrate -- [--roles] [--tokens <file> [--skip-chain-check]] [--distribute]'

/** The owner's connection string with another login: on Neon the pooled host is the one the functions should use. */
function connectionString(ownerUrl: string, role: EdgeRole, password: string): string {
  const url = new URL(ownerUrl)
  url.username = role
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
      roles: { type: 'boolean' },
      tokens: { type: 'string' },
      'skip-chain-check': { type: 'boolean' },
      distribute: { type: 'boolean' },
    },
  })
  // Before anything is applied: a mistake in the file changes nothing.
  const tokens = values.tokens === undefined ? [] : readTokenFile(values.tokens)
  if (values.tokens !== undefined && !values['skip-chain-check']) await askChain(values.tokens, tokens)
  await withOwner(async (ownerUrl) => await bringUpToDate(ownerUrl, tokens, values))
}

async function bringUpToDate(
  ownerUrl: string,
  tokens: TokenSeed[],
  values: { roles?: boolean; 'skip-chain-check'?: boolean; distribute?: boolean },
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
  if (values.roles) {
    const passwords = Object.fromEntries(
      EDGE_ROLES.map((role) => [role, randomBytes(24).toString('hex')]),
    ) as Record<EdgeRole, string>
    await setRolePasswords(ownerUrl, passwords)
    console.log('new passwords; store these as secrets of the functions, they are not shown again:')
    for (const role of EDGE_ROLES)
      console.log(`  ${role}: ${connectionString(ownerUrl, role, passwords[role])}`)
  }
}

await command(main)
