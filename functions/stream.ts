import { ping } from '../db/ledger/health.ts'
import { serve } from './_lib/http/serve.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { ApiError } from './_lib/errors.ts'
import { STREAM_SOCKETS_PER_ACCOUNT_MAX } from './_lib/limits.ts'
import { logFailure } from './_lib/log.ts'
import { addressKey } from './_lib/http/rate-limit.ts'
import { isUpgrade, protocolsOf, streamAccess } from './_lib/stream/access.ts'
import { waitForSignIn } from './_lib/stream/lobby.ts'
import { openStream } from './_lib/stream/open.ts'
import { streamSchemas } from './_lib/stream/messages.ts'
import { reads } from './_lib/ledgers.ts'

export { AccountStream } from './_lib/stream/account-stream.ts'

export const stream = endpoint({
  method: 'GET',
  path: '/ws',
  atRoot: true,
  tag: 'Stream',
  summary: 'Live spot balances over a WebSocket',
  description:
    'The token comes with the upgrade, as `Authorization: Bearer` or, from a browser, as `new WebSocket(url, ["bearer", token])` (the server selects ' +
    '`bearer` and never repeats the token); or within 10 s after it, in a `StreamAuth` or the `token` of a `StreamSubscribe`, answered by ' +
    '`StreamAuthResult`. Until then everything else is answered with `AUTH_REQUIRED`. A newer token of the account may be sent at any time: the socket lives ' +
    'as long as the last one. Send `StreamSubscribe`, `StreamUnsubscribe` or `StreamPing`, as text or as bytes of it; the answers are `StreamSubscribed`, ' +
    '`StreamUnsubscribed`, `StreamPong` and `StreamError`. Each `subscribed` is followed by a `StreamBalance` for every token, then by one for every committed ' +
    'change. Within a socket the versions of a token never go back. A gap means that a push was lost: subscribe again for a new snapshot. Close codes: 4401 ' +
    'not signed in, or no longer; 1008 over 100 messages in 10 s; 1009 a message over 16 KiB; 1013 connect again later.',
  access: streamAccess,
  ledger: reads,
  objects: ['STREAM'],
  errors: {
    UPGRADE_REQUIRED: 'the request is not a WebSocket handshake',
    RATE_LIMITED: `the account has ${STREAM_SOCKETS_PER_ACCOUNT_MAX} open sockets already (none of them is closed for the new one), or too many sockets are waiting to sign in`,
  },
  docs: { status: 101, schemas: streamSchemas },
  handle: async (call) => {
    if (!isUpgrade(call.header)) {
      throw new ApiError('UPGRADE_REQUIRED', 'connect with a WebSocket', {
        headers: { Upgrade: 'websocket' },
      })
    }
    const streams = call.objects.STREAM as DurableObjectNamespace
    const { caller } = call
    if (caller.via === 'none') {
      const webSocket = waitForSignIn({
        address: addressKey(call.header('cf-connecting-ip') ?? ''),
        signIn: async (token) => {
          const signedIn = await caller.signIn(token)
          console.log(
            JSON.stringify({
              event: 'stream_signed_in',
              request_id: call.requestId,
              account: signedIn.account,
            }),
          )
          return signedIn
        },
        open: async (signedIn) => await openStream(streams, signedIn, async () => await ping(call.db)),
        failed: (error) => logFailure(call.requestId, error),
      })
      return new Response(null, { status: 101, webSocket })
    }
    const webSocket = await openStream(streams, caller, async () => await ping(call.db))
    const headers: Record<string, string> = {}
    if (protocolsOf(call.header).includes('bearer')) headers['Sec-WebSocket-Protocol'] = 'bearer'
    return new Response(null, { status: 101, webSocket, headers })
  },
})

export default serve('stream', stream)
