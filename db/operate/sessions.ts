import type pg from 'pg'
import { CONNECTION_ENDS_MS, CONNECTIONS_END_MS } from '../limits.ts'
import { JOBS, loginOf } from '../logins.ts'

const LOGINS = JOBS.map((job) => loginOf(job))

/** Connections of the functions' logins are still open: whoever has one can go on, and change its password. */
export class SessionsLeft extends Error {
  constructor(why: string, options?: ErrorOptions) {
    super(
      `the passwords are new, but open connections of the functions' logins could not be ended (${why}): whoever had an ` +
        'old password may still use one and set a password of his own. Give this owner the role pg_signal_backend, or ' +
        'restart the database (at Neon its compute), then set new passwords once more',
      options,
    )
  }
}

/** For who goes on with the new passwords and says it afterwards. @throws anything else */
export function onlySessionsLeft(error: unknown): SessionsLeft {
  if (error instanceof SessionsLeft) return error
  throw error
}

/** Ends every connection of the functions' logins, in all databases of the server. @returns how many it found @throws SessionsLeft */
export async function endSessions(client: pg.Client): Promise<number> {
  const giveUpAt = Date.now() + CONNECTIONS_END_MS
  for (let ended = 0; ;) {
    const found = await terminated(client)
    if (found === 0) return ended
    ended += found
    if (Date.now() > giveUpAt)
      throw new SessionsLeft(`after ${CONNECTIONS_END_MS / 1_000} s there still were ${found}`)
  }
}

/**
 * An owner who is no superuser may end connections of roles whose member he is. He may make himself one, since he made
 * them, but is none for longer than this transaction.
 */
async function terminated(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>(
    'select pid from pg_stat_activity where usename = any($1)',
    [LOGINS],
  )
  if (rows.length === 0) return 0
  await client.query('begin')
  try {
    const { rows: foreign } = await client.query<{ login: string }>(
      "select login from unnest($1::text[]) login where not pg_has_role(login, 'usage')",
      [LOGINS],
    )
    for (const { login } of foreign) await client.query(`grant ${login} to current_user`)
    await client.query('select pg_terminate_backend(pid, $2) from pg_stat_activity where usename = any($1)', [
      LOGINS,
      CONNECTION_ENDS_MS,
    ])
    return rows.length
  } catch (error) {
    if ((error as { code?: string }).code !== '42501') throw error
    throw new SessionsLeft((error as Error).message, { cause: error })
  } finally {
    await client.query('rollback')
  }
}
