/**
 * `npm run migrate`: brings a database up to date, as its owner (`OWNER_DATABASE_URL`).
 *
 *   --roles            gives the functions' logins new passwords and prints their connection strings, once
 *   --tokens <file>    writes token rows from a JSON file: [{symbol, decimals, chainId, contract, transferable, withdrawable, minWithdraw}]
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import * as z from 'zod/mini'
import { migrateDatabase } from '../db/operate/migrate.ts'
import { EDGE_ROLES, putTokens, setRolePasswords, type EdgeRole } from './stack/database.ts'
import { readManifest } from './stack/manifest.ts'

const TokenFile = z.array(
  z.strictObject({
    symbol: z.string().check(z.regex(/^[A-Za-z0-9._-]{1,32}$/)),
    decimals: z.int().check(z.minimum(0), z.maximum(18)),
    chainId: z.nullable(z.int()),
    contract: z.nullable(z.string().check(z.regex(/^0x[0-9a-fA-F]{40}$/))),
    transferable: z.boolean(),
    withdrawable: z.boolean(),
    minWithdraw: z.string().check(z.regex(/^(0|[1-9][0-9]{0,19})(\.[0-9]{1,18})?$/)),
  }),
)

/** The owner's connection string with another login: on Neon the pooled host is the one the functions should use. */
function connectionString(ownerUrl: string, role: EdgeRole, password: string): string {
  const url = new URL(ownerUrl)
  url.username = role
  url.password = password
  return url.toString()
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { roles: { type: 'boolean' }, tokens: { type: 'string' } } })
  const ownerUrl = process.env.OWNER_DATABASE_URL ?? readManifest().databaseUrl
  const { migrations, verbs } = await migrateDatabase(ownerUrl)
  for (const tag of migrations) console.log(`migration ${tag}: applied`)
  if (verbs.length > 0) console.log(`verbs: applied ${verbs.join(', ')}`)
  if (migrations.length + verbs.length === 0) console.log('the schema and the verbs are up to date')
  if (values.tokens !== undefined) {
    const tokens = z.parse(TokenFile, JSON.parse(readFileSync(values.tokens, 'utf8')))
    await putTokens(ownerUrl, tokens)
    console.log(`tokens: ${tokens.map((token) => token.symbol).join(', ')}`)
  }
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

try {
  await main()
} catch (error) {
  console.error((error as Error).message)
  process.exit(1)
}
