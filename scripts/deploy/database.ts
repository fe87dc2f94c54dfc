/** The ledger's side of a deployment: what would change in the database, the changes, and whether the books are right. */
import type { Login } from '../../db/logins.ts'
import { backDoorsLine } from '../../db/operate/back-doors.ts'
import { migrateDatabase, pendingMigrations, type Migrated } from '../../db/operate/migrate.ts'
import { putTokens, staleTokens, type TokenSeed } from '../stack/database.ts'
import { checkInvariants } from '../stack/invariants.ts'
import { environmentName, isNamed, nameDatabase } from './environment.ts'
import { setLogins, staleLogins } from './logins.ts'
import type { Deployment } from './settings.ts'
import { checkTokensOnChain } from './token-chain.ts'
import { readTokenFile } from './token-file.ts'

export interface DatabasePlan {
  pending: Migrated
  /** Logins whose passwords are not what the deploy key makes them. */
  stale: Login[]
  /** The environment's name, where the database has none or one that is taken over. */
  name: string | undefined
  /** Symbols of tokens whose rows are not what the file says. */
  tokens: string[]
}

/** @throws Error where the database does not answer, or belongs to another environment */
export async function planDatabase(deployment: Deployment, tokens: TokenSeed[]): Promise<DatabasePlan> {
  const name = (await isNamed(deployment)) ? undefined : environmentName(deployment)
  const pending = await pendingMigrations(deployment.ownerUrl)
  const stale = await staleLogins(deployment)
  return { name, pending, stale, tokens: await staleTokens(deployment.ownerUrl, tokens) }
}

/** The tokens of the file, as the chain knows them. @throws Error with everything that is wrong with them */
export async function tokensFor({ settings, secrets }: Deployment): Promise<TokenSeed[]> {
  if (settings.tokens === undefined) return []
  const tokens = readTokenFile(settings.tokens)
  if (tokens.every(({ contract }) => contract === null)) return tokens
  const rpcUrl = secrets.get('RPC_URL')
  if (rpcUrl === undefined)
    throw new Error('secrets: RPC_URL is not named, and its node is asked about the contracts of the tokens')
  await checkTokensOnChain(settings.tokens, tokens, rpcUrl)
  return tokens
}

/** One line for each kind of change; none where there is nothing to do. */
export function databaseChanges({ name, pending, stale, tokens }: DatabasePlan): string[] {
  const { migrations, verbs } = pending
  return [
    ...(migrations.length > 0 ? [`migrations ${migrations.join(', ')}`] : []),
    ...(verbs.length > 0 ? [`verbs of ${verbs.join(', ')}`] : []),
    ...(name === undefined ? [] : [`named ${name}`]),
    ...(stale.length > 0 ? [`passwords of ${stale.join(', ')}`] : []),
    ...(tokens.length > 0 ? [`tokens ${tokens.join(', ')}`] : []),
  ]
}

/** Structure, verbs, logins and tokens. What is as it should be is left alone. Answers what the operator must know. */
export async function bringUpDatabase(
  deployment: Deployment,
  plan: DatabasePlan,
  tokens: TokenSeed[],
): Promise<string | undefined> {
  await migrateDatabase(deployment.ownerUrl)
  // After the migrations: they make the logins. Before anything that another environment could miss.
  if (plan.name !== undefined) await nameDatabase(deployment)
  const left = plan.stale.length > 0 ? await setLogins(deployment) : undefined
  if (plan.tokens.length > 0) await putTokens(deployment.ownerUrl, tokens)
  const lines = [left?.message, await backDoorsLine(deployment.ownerUrl)]
  return lines.filter((line) => line !== undefined).join('\n') || undefined
}

/** How many invariants hold. @throws Error with the names of those that do not */
export async function verifyLedger({ ownerUrl }: Deployment): Promise<number> {
  const results = await checkInvariants(ownerUrl)
  const broken = results.filter(({ violations }) => violations > 0)
  if (broken.length > 0) throw new Error(`broken invariants: ${broken.map(({ name }) => name).join('; ')}`)
  return results.length
}
