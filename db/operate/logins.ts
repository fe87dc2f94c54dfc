import pg from 'pg'
import { JOBS, loginOf, type Job } from '../logins.ts'
import { verifiedConnection } from './connection.ts'

/**
 * Gives the functions' logins their passwords: plain characters, which need no escaping in a connection string. Whoever
 * had the old ones is shut out, and what he set on a login is taken back.
 */
export async function setPasswords(ownerUrl: string, passwords: Record<Job, string>): Promise<void> {
  const client = new pg.Client({ connectionString: verifiedConnection(ownerUrl) })
  await client.connect()
  try {
    for (const job of JOBS)
      await client.query(`alter role ${loginOf(job)} password ${client.escapeLiteral(passwords[job])}`)
    await client.query('select ledger.reset_login_settings()')
  } finally {
    await client.end()
  }
}
