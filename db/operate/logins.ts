import pg from 'pg'
import { LOGIN_CHANGE_TRIES_MAX, LOGIN_LOCK_TIMEOUT_MS } from '../limits.ts'
import { JOBS, loginOf, type Job } from '../logins.ts'
import { verifiedConnection } from './connection.ts'
import { endSessions, SessionsLeft } from './sessions.ts'

/**
 * Gives the functions' logins their passwords: plain characters, which need no escaping in a connection string. Whoever
 * had the old ones is shut out, his open connections are ended, and what he set on a login is taken back. Calls that the
 * functions have in flight fail. A run that is cut off halfway leaves logins that nobody can use, until the next one. A login
 * for which there is no password has none afterwards, and nobody can use it.
 *
 * @throws SessionsLeft where the passwords are set, but open connections could not be ended
 */
export async function setPasswords(ownerUrl: string, passwords: Partial<Record<Job, string>>): Promise<void> {
  const client = new pg.Client({ connectionString: verifiedConnection(ownerUrl) })
  await client.connect()
  try {
    await client.query(`set lock_timeout = ${LOGIN_LOCK_TIMEOUT_MS}`)
    const left = await shutOut(client)
    await open(client, passwords)
    if (left) throw left
    // Who was signing in when the door closed is seen only now, and may have set a password of his own.
    if ((await endSessions(client)) > 0) await open(client, passwords)
  } finally {
    await client.end()
  }
}

/** Nobody can sign in any more, and whoever had is gone: nothing is left that could change a password back. */
async function shutOut(client: pg.Client): Promise<SessionsLeft | undefined> {
  for (let attempt = 1; ; attempt++)
    try {
      // First of all: somebody's open transaction may hold a login, and the change would wait for it.
      await endSessions(client)
      await inTransaction(
        client,
        JOBS.map((job) => `alter role ${loginOf(job)} nologin`),
      )
      await endSessions(client)
      return undefined
    } catch (error) {
      if (error instanceof SessionsLeft) return error
      if (!metSomebody(error) || attempt === LOGIN_CHANGE_TRIES_MAX) throw error
    }
}

async function open(client: pg.Client, passwords: Partial<Record<Job, string>>): Promise<void> {
  await inTransaction(client, [
    ...JOBS.map((job) => {
      const password = passwords[job]
      return password === undefined
        ? `alter role ${loginOf(job)} nologin password null`
        : `alter role ${loginOf(job)} login password ${client.escapeLiteral(password)}`
    }),
    'select ledger.reset_login_settings()',
  ])
}

async function inTransaction(client: pg.Client, statements: readonly string[]): Promise<void> {
  await client.query('begin')
  try {
    for (const statement of statements) await client.query(statement)
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

/** He who is changed by two at once: one waits (lock_not_available), or Postgres says "tuple concurrently updated". */
const metSomebody = (error: unknown): boolean =>
  (error as { code?: string }).code === '55P03' || String(error).includes('tuple concurrently updated')
