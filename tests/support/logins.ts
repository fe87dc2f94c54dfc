/** The functions' own logins, straight to Postgres past the proxy: what somebody could do who stole a connection string. */
import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'
import { JOBS, type Job } from '../../db/logins.ts'
import type { Manifest } from '../../scripts/stack/manifest.ts'

/** A connection as the login of this job. Its caller ends it. */
export async function loginAs(manifest: Manifest, job: Job): Promise<pg.Client> {
  const url = new URL(manifest.loginUrls[job])
  url.port = new URL(manifest.databaseUrl).port
  const client = new pg.Client({ connectionString: url.toString() })
  await client.connect()
  return client
}

/** `done`, or the SQLSTATE of the refusal. */
export const outcomeOf = async (client: pg.Client, text: string): Promise<string> =>
  await client.query(text).then(
    () => 'done',
    (error: { code?: string }) => error.code ?? 'an error without a code',
  )

/** One connection of each login, for the tests of a file. */
export function everyLogin(manifest: Manifest): Record<Job, pg.Client> {
  const logins = {} as Record<Job, pg.Client>
  beforeAll(async () => {
    for (const job of JOBS) logins[job] = await loginAs(manifest, job)
  })
  afterAll(async () => {
    for (const job of JOBS) await logins[job].end()
  })
  return logins
}
