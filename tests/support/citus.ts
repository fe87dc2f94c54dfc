/** A coordinator of a Citus cluster, played by an ordinary Postgres: citus.sql says what it refuses. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'

export interface Nodes {
  /** 0 is the coordinator. Without any, Citus makes the coordinator its only node. */
  known: readonly number[]
  /** Which of them this one is. */
  here: number
}

/** Makes a database one of a cluster's. Needs a superuser, as the real extension does. */
export async function playCitus(client: pg.Client, { known, here }: Nodes): Promise<void> {
  await client.query(await readFile(join(import.meta.dirname, 'citus.sql'), 'utf8'))
  await client.query('insert into pg_dist_local_group values ($1)', [here])
  for (const [at, group] of known.entries())
    await client.query('insert into pg_dist_node (nodeid, groupid) values ($1, $2)', [at + 1, group])
}
