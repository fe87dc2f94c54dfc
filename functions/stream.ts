import * as z from 'zod/mini'
import { serve } from './_lib/app.ts'
import { defineEndpoint, type Header } from './_lib/endpoint.ts'
import { commonEnv, databaseEnv, sessionEnv } from './_lib/env.ts'
import { ApiError } from './_lib/errors.ts'
import { STREAM_RETRY_AFTER_SECONDS, STREAM_SOCKETS_PER_ACCOUNT_MAX } from './_lib/limits.ts'
import { streamSchemas } from './_lib/stream-messages.ts'

export { AccountStream } from './_lib/account-stream.ts'

const protocolsOf = (header: Header): string[] =>
  (header('sec-websocket-protocol') ?? '').split(',').map((item) => item.trim())

export const stream = defineEndpoint({
  method: 'GET',
  path: '/ws',
  atRoot: true,
  tag: 'Stream',
  summary: 'Live spot balances over a WebSocket',
  description:
    'The token comes as `Authorization: Bearer` or, from a browser, as `new WebSocket(url, ["bearer", token])`; the server selects `bearer` and never ' +
    'repeats the token. Send `StreamSubscribe`, `StreamUnsubscribe` or `StreamPing`; the answers are `StreamSubscribed`, `StreamUnsubscribed`, ' +
    '`StreamPong` and `StreamError`. Each `subscribed` is followed by a `StreamBalance` for every token, then by one for every committed change. Within a socket the versions of a token ' +
    'never go back. A gap means that a push was lost: subscribe again for a new snapshot. Close codes: 4401 the session ended, 1009 a message over 16 KiB, 1013 the ' +
    'balances could not be read.',
  access: 'session',
  env: z.object({ ...commonEnv, ...databaseEnv, ...sessionEnv }),
  databaseUrl: (env) => env.DATABASE_URL,
  authorization: (header) => {
    // `bearer, <token>`: a browser can set no other header on a WebSocket.
    const [scheme, token] = protocolsOf(header)
    return header('authorization') ?? (scheme === 'bearer' && token ? `Bearer ${token}` : undefined)
  },
  errors: {
    'API Key permission denied': 'the caller used an API key',
    UPGRADE_REQUIRED: 'the request is not a WebSocket handshake',
    RATE_LIMITED: `the account has ${STREAM_SOCKETS_PER_ACCOUNT_MAX} open sockets already; none of them is closed for the new one`,
  },
  internal: 'internal error',
  docs: { status: 101, schemas: streamSchemas },
  handler: async (call) => {
    if (call.header('upgrade')?.toLowerCase() !== 'websocket') {
      throw new ApiError('UPGRADE_REQUIRED', 'connect with a WebSocket', {
        headers: { Upgrade: 'websocket' },
      })
    }
    const streams = call.bindings.STREAM as DurableObjectNamespace
    const { account, expiresAt } = call.caller
    const target = new URL('https://stream/open')
    target.searchParams.set('account', account)
    target.searchParams.set('expires_at', String(expiresAt))
    const opened = await streams
      .get(streams.idFromName(account))
      .fetch(target, { headers: { Upgrade: 'websocket' } })
    if (!opened.webSocket) {
      throw new ApiError('RATE_LIMITED', `at most ${STREAM_SOCKETS_PER_ACCOUNT_MAX} sockets an account`, {
        headers: { 'Retry-After': String(STREAM_RETRY_AFTER_SECONDS) },
      })
    }
    const headers: Record<string, string> = {}
    if (protocolsOf(call.header).includes('bearer')) headers['Sec-WebSocket-Protocol'] = 'bearer'
    return new Response(null, { status: 101, webSocket: opened.webSocket, headers })
  },
})

export default serve('stream', stream)
