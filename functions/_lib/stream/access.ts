/** Who opens a stream: a bearer token at the upgrade, or somebody who brings one over the socket. */
import { bearerCaller, type SessionCaller } from '../access/bearer.ts'
import { refuseApiKey, session } from '../access/session.ts'
import type { ErrorCode } from '../errors.ts'
import type { Access, Header } from '../http/access.ts'

export interface LateCaller {
  readonly via: 'none'
  /**
   * Signs somebody in whose token came over the socket, under the same rules and limits.
   * @throws ApiError UNAUTHORIZED, ISSUER_UNAVAILABLE, RATE_LIMITED
   */
  signIn(token: string): Promise<SessionCaller>
}

export const streamAccess: Access<SessionCaller | LateCaller, ErrorCode> = {
  ...session,
  identify: async (incoming) => {
    const { header } = incoming
    const authorization = header('authorization') ?? offeredToken(header)
    if (authorization !== undefined || header('x-api-key') !== undefined || !isUpgrade(header)) {
      refuseApiKey(header)
      return await bearerCaller(incoming, authorization, incoming.now)
    }
    return {
      via: 'none',
      signIn: async (token) => await bearerCaller(incoming, `Bearer ${token}`, Math.floor(Date.now() / 1000)),
    }
  },
}

export const protocolsOf = (header: Header): string[] =>
  (header('sec-websocket-protocol') ?? '').split(',').map((item) => item.trim())

/** `bearer, <token>`: a browser can set no other header on a WebSocket. */
function offeredToken(header: Header): string | undefined {
  if (header('sec-websocket-protocol') === undefined) return undefined
  const [scheme, token] = protocolsOf(header)
  return `${scheme} ${token ?? ''}`
}

export const isUpgrade = (header: Header): boolean => header('upgrade')?.toLowerCase() === 'websocket'
