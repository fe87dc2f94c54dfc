/** Who is calling, by bearer token or user API key. */
import type { Database } from '../../../db/client.ts'
import { accountOfApiKey } from '../../../db/ledger/api-keys.ts'
import { API_KEY_PATTERN } from './api-key.ts'
import type { Access, Caller } from '../http/endpoint.ts'
import { ApiError, unauthorized } from '../errors.ts'
import { sha256Hex } from '../http/idempotency.ts'
import { readSession, type SessionEnv } from './session.ts'

export interface Credentials {
  authorization: string | undefined
  apiKey: string | undefined
}

/**
 * The caller, in the order of the contract: an API key makes the call an API-key call whatever else comes with it.
 * `keep` lets work go on when its caller hangs up: others may wait for it.
 * @throws ApiError UNAUTHORIZED, ISSUER_UNAVAILABLE; `API Key permission denied` where only a session may call
 */
export async function authenticate(
  access: Exclude<Access, 'admin'>,
  credentials: Credentials,
  env: object,
  db: () => Database,
  now: number,
  keep: (work: Promise<unknown>) => void,
): Promise<Caller> {
  if (access === 'none' || access === 'signature') return { account: '', via: 'none' }
  if (credentials.apiKey) {
    // A key never moves money, whoever holds it: refused before anything is looked up.
    if (access === 'session') throw new ApiError('API Key permission denied', 'sign in: API keys only read')
    return await apiKeyCaller(credentials.apiKey, db())
  }
  const token = /^bearer +([^\s]+)$/i.exec(credentials.authorization ?? '')?.[1]
  const session = token ? await readSession(env as SessionEnv, token, now, keep) : null
  if (!session) throw unauthorized()
  return { account: session.account, via: 'session', session }
}

async function apiKeyCaller(key: string, db: Database): Promise<Caller> {
  const account = API_KEY_PATTERN.test(key) ? await accountOfApiKey(db, await sha256Hex(key)) : undefined
  if (!account) throw unauthorized()
  return { account, via: 'api_key' }
}
