/**
 * The functions' logins. Their passwords follow from the deploy key, so that the same key gives the same connection strings
 * whenever and wherever the command runs, and nobody has to keep them. A new key means new passwords.
 */
import { createHmac } from 'node:crypto'
import pg from 'pg'
import { JOBS, loginOf, type Job, type Login } from '../../db/logins.ts'
import { verifiedConnection } from '../../db/operate/connection.ts'
import { setPasswords } from '../../db/operate/logins.ts'
import { onlySessionsLeft, type SessionsLeft } from '../../db/operate/sessions.ts'
import { JOB_OF, type Deployment } from './settings.ts'

const unused = JOBS.find((job) => !Object.values(JOB_OF).includes(job))
if (unused) throw new Error(`no connection string is for the login ${loginOf(unused)}`)

export const passwordOf = ({ deployKey, environment }: Deployment, job: Job): string =>
  createHmac('sha256', deployKey)
    .update(`login ${environment ?? ''} ${loginOf(job)}`)
    .digest('hex')

/** Variable → connection string of its login on the pooled host. */
export function connectionStrings(deployment: Deployment): Map<string, string> {
  const { ownerUrl, settings } = deployment
  return new Map(
    Object.entries(JOB_OF).map(([variable, job]) => {
      const url = new URL(ownerUrl)
      url.host = settings.pooledHost ?? pooledHostOf(url)
      url.username = loginOf(job)
      url.password = passwordOf(deployment, job)
      return [variable, url.href]
    }),
  )
}

/** `ep-cool-1.eu-central-1.aws.neon.tech` → `ep-cool-1-pooler.eu-central-1.aws.neon.tech` */
const pooledHostOf = (url: URL): string => url.host.replace(/^([^.]+)\./, '$1-pooler.')

/** The faucet's login is nobody's where there is no faucet: whoever had its string could credit himself. */
const isUsed = ({ settings }: Deployment, job: Job): boolean =>
  job !== 'admin' || settings.variables.TESTNET_ONLY === 'true'

/** Logins whose passwords are not what they should be, or that are not there yet; the faucet's where it should have none. */
export async function staleLogins(deployment: Deployment): Promise<Login[]> {
  const stale: Login[] = []
  for (const job of JOBS)
    if ((await canLogIn(deployment, job)) !== isUsed(deployment, job)) stale.push(loginOf(job))
  return stale
}

/** Answers what is still open with the old passwords: the functions get their new ones all the same. */
export async function setLogins(deployment: Deployment): Promise<SessionsLeft | undefined> {
  return await setPasswords(
    deployment.ownerUrl,
    Object.fromEntries(
      JOBS.filter((job) => isUsed(deployment, job)).map((job) => [job, passwordOf(deployment, job)]),
    ),
  ).then(() => undefined, onlySessionsLeft)
}

/** @throws Error where the database does not answer */
async function canLogIn(deployment: Deployment, job: Job): Promise<boolean> {
  const url = new URL(deployment.ownerUrl)
  url.username = loginOf(job)
  url.password = passwordOf(deployment, job)
  const client = new pg.Client({ connectionString: verifiedConnection(url.href) })
  try {
    await client.connect()
    return true
  } catch (error) {
    // A wrong password or none, or no such login.
    if (['28P01', '28000'].includes((error as { code?: string }).code ?? '')) return false
    throw error
  } finally {
    await client.end()
  }
}
