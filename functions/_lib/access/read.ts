/** For endpoints that only read: a bearer token or a user API key. */
import { accountOfApiKey } from '../../../db/ledger/api-keys.ts'
import { sessionEnv } from '../env.ts'
import { unauthorized, type ErrorCode } from '../errors.ts'
import type { Access, Incoming } from '../http/access.ts'
import { exchangeEnvelope } from '../http/exchange-envelope.ts'
import { sha256Hex } from '../sha256.ts'
import { API_KEY_PATTERN } from './api-key.ts'
import { bearerCaller, TOKEN_ERRORS, type SessionCaller } from './bearer.ts'
import { GUESSABLE } from './rates.ts'

export interface ApiKeyCaller {
  readonly account: string
  readonly via: 'api_key'
}
export type Reader = SessionCaller | ApiKeyCaller

export const read: Access<Reader, ErrorCode> = {
  kind: 'read',
  env: sessionEnv,
  rates: GUESSABLE,
  envelope: exchangeEnvelope,
  errors: TOKEN_ERRORS,
  identify: async (incoming) => {
    const key = incoming.header('x-api-key')
    // Whatever else comes with it, an API key makes the call an API-key call.
    return key
      ? await apiKeyCaller(incoming, key)
      : await bearerCaller(incoming, incoming.header('authorization'), incoming.now)
  },
}

async function apiKeyCaller(incoming: Incoming, key: string): Promise<ApiKeyCaller> {
  const account = await incoming.guess(async () => {
    if (!API_KEY_PATTERN.test(key)) throw unauthorized()
    const found = await accountOfApiKey(incoming.db(), await sha256Hex(key))
    if (!found) throw unauthorized()
    return found
  })
  // Apart from the account's own sessions: a key that leaked must not keep its owner from revoking it.
  await incoming.admit({ account, countedAs: `api_key ${account}` })
  return { account, via: 'api_key' }
}
