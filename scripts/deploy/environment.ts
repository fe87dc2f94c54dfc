/**
 * Whose a database is. The first deployment writes its environment's name into it, and on the functions' logins, which all
 * databases of a Postgres server share: another environment, whatever its key, would take their passwords away and move its
 * money.
 */
import type pg from 'pg'
import { JOBS, loginOf } from '../../db/logins.ts'
import { withClient } from '../../db/operate/connection.ts'
import type { Deployment } from './settings.ts'

/** Of a comment that is a name. */
const COMMENT = 'tidegate of '

/** `<account>/<host>`, with `/<environment>` for what does not stand at the top of the file. */
export const environmentName = ({ settings: { account, host }, environment }: Deployment): string =>
  [account, host, ...(environment === undefined ? [] : [environment])].join('/')

/**
 * @returns whether the database and its logins have this environment's name already
 * @throws Error where they have another's, which the operator did not write out with --take-over
 */
export async function isNamed(deployment: Deployment): Promise<boolean> {
  return await withClient(deployment.ownerUrl, async (client) => {
    const names = await namesIn(client)
    refuseForeign(names, deployment)
    return names.length === 1 + JOBS.length && names.every((name) => name === environmentName(deployment))
  })
}

/** After the migrations, which make the table and the logins. @throws Error as `isNamed`: another may have been first */
export async function nameDatabase(deployment: Deployment): Promise<void> {
  const name = environmentName(deployment)
  await withClient(deployment.ownerUrl, async (client) => {
    await client.query('begin')
    // The second of two waits here, and sees the first one's name.
    await client.query('lock table ledger.deployed_environment')
    refuseForeign(await namesIn(client), deployment)
    await client.query(
      `insert into ledger.deployed_environment (name) values ($1)
       on conflict (one_row) do update set name = excluded.name, named_at = now() where deployed_environment.name <> excluded.name`,
      [name],
    )
    for (const job of JOBS)
      await client.query(`comment on role ${loginOf(job)} is ${client.escapeLiteral(COMMENT + name)}`)
    await client.query('commit')
  })
}

function refuseForeign(names: readonly string[], deployment: Deployment): void {
  const own = environmentName(deployment)
  const foreign = [...new Set(names)].filter((name) => name !== own && name !== deployment.takeOver)
  if (foreign.length === 0) return
  throw new Error(
    `OWNER_DATABASE_URL leads to the database of ${foreign.join(' and ')}, and this is ${own}: each environment needs a database ` +
      'server, or a Neon branch, of its own. Nothing was touched. Where that environment is given up for this one, and none of its ' +
      `Workers needs the database any more: --take-over ${foreign[0]}`,
  )
}

/** One for each place that has a name. */
async function namesIn(client: pg.Client): Promise<string[]> {
  const { rows: roles } = await client.query<{ name: string }>(
    `select substr(comment, length($2) + 1) as name
     from (select shobj_description(oid, 'pg_authid') as comment from pg_catalog.pg_roles where rolname = any($1)) as r
     where starts_with(comment, $2)`,
    [JOBS.map(loginOf), COMMENT],
  )
  const { rows } = await client.query<{ there: boolean }>(
    `select to_regclass('ledger.deployed_environment') is not null as there`,
  )
  const own = rows[0]?.there
    ? await client.query<{ name: string }>('select name from ledger.deployed_environment')
    : { rows: [] }
  return [...own.rows, ...roles].map(({ name }) => name)
}
