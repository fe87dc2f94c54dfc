/** For endpoints that move money or grant and revoke rights: a bearer token, and nothing else. */
import { sessionEnv } from '../env.ts'
import { ApiError, type ErrorCode } from '../errors.ts'
import type { Access, Header } from '../http/access.ts'
import { exchangeEnvelope } from '../http/exchange-envelope.ts'
import { bearerCaller, TOKEN_ERRORS, type SessionCaller } from './bearer.ts'
import { GUESSABLE } from './rates.ts'

export const SESSION_ERRORS = {
  ...TOKEN_ERRORS,
  'API Key permission denied': 'the caller used an API key',
} as const satisfies Partial<Record<ErrorCode, string>>

export const session: Access<SessionCaller, ErrorCode> = {
  kind: 'session',
  env: sessionEnv,
  rates: GUESSABLE,
  envelope: exchangeEnvelope,
  errors: SESSION_ERRORS,
  identify: async (incoming) => {
    refuseApiKey(incoming.header)
    return await bearerCaller(incoming, incoming.header('authorization'), incoming.now)
  },
}

/**
 * An API key makes the call an API-key call whatever else comes with it, and a key never moves money, whoever holds it: it
 * is refused before anything is looked up.
 * @throws ApiError `API Key permission denied`
 */
export function refuseApiKey(header: Header): void {
  if (header('x-api-key'))
    throw new ApiError('API Key permission denied', 'API keys are read-only: sign in instead')
}
