/**
 * The functions' logins. Their passwords follow from the deploy key, so that the same key gives the same connection strings
 * whenever and wherever the command runs, and nobody has to keep them. A new key means new passwords.
 */
import { createHmac } from 'node:crypto'
import pg from 'pg'
import { verifiedConnection } from '../../db/operate/connection.ts'
import { EDGE_ROLES, setRolePasswords, type EdgeRole } from '../stack/database.ts'
import { LOGIN_OF, type Deployment } from './settings.ts'

const unused = EDGE_ROLES.find((role) => !Object.values(LOGIN_OF).includes(role))
if (unused) throw new Error(`no connection string is for the login ${unused}`)

export const passwordOf = ({ deployKey, environment }: Deployment, role: EdgeRole): string =>
  createHmac('sha256', deployKey)
    .update(`login ${environment ?? ''} ${role}`)
    .digest('hex')

/** Variable → connection string of its login on the pooled host. */
export function connectionStrings(deployment: Deployment): Map<string, string> {
  const { ownerUrl, settings } = deployment
  return new Map(
    Object.entries(LOGIN_OF).map(([variable, role]) => {
      const url = new URL(ownerUrl)
      url.host = settings.pooledHost ?? pooledHostOf(url)
      url.username = role
      url.password = passwordOf(deployment, role)
      return [variable, url.href]
    }),
  )
}

/** `ep-cool-1.eu-central-1.aws.neon.tech` → `ep-cool-1-pooler.eu-central-1.aws.neon.tech` */
const pooledHostOf = (url: URL): string => url.host.replace(/^([^.]+)\./, '$1-pooler.')

/** Logins whose passwords are not what they should be, or that are not there yet. */
export async function staleLogins(deployment: Deployment): Promise<EdgeRole[]> {
  const stale: EdgeRole[] = []
  for (const role of EDGE_ROLES) if (!(await canLogIn(deployment, role))) stale.push(role)
  return stale
}

export async function setLogins(deployment: Deployment): Promise<void> {
  const passwords = EDGE_ROLES.map((role) => [role, passwordOf(deployment, role)] as const)
  await setRolePasswords(deployment.ownerUrl, Object.fromEntries(passwords) as Record<EdgeRole, string>)
}

/** @throws Error where the database does not answer */
async function canLogIn(deployment: Deployment, role: EdgeRole): Promise<boolean> {
  const url = new URL(deployment.ownerUrl)
  url.username = role
  url.password = passwordOf(deployment, role)
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
