import * as z from 'zod/mini'
import { signOut } from '../db/ledger/sessions.ts'
import { serve } from './_lib/http/serve.ts'
import { session } from './_lib/access/session.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { rememberEnded } from './_lib/access/ended-sessions.ts'
import { ApiError, unauthorized } from './_lib/errors.ts'
import { sessions } from './_lib/ledgers.ts'
import { ISSUER_CLOCK_AHEAD_SECONDS_MAX } from './_lib/limits.ts'
import { field, unixSeconds } from './_lib/schemas.ts'
import { endStreams } from './_lib/stream/client.ts'

export const authLogout = endpoint({
  method: 'POST',
  path: '/auth/logout',
  tag: 'Sign in',
  summary: 'End this session, or every session of the account',
  description:
    'Once it has answered, every function refuses the sessions that ended, their sockets are closed, and what they had begun has ended too. ' +
    'A new login works at once. API keys and agent keys stay valid: revoke them with DELETE /api-keys/:id and POST /agent/revoke_all. Of an ' +
    'issuer’s tokens, `everywhere` ends those whose `iat` is not after this second. A repeat with the same token answers 401: it was done.',
  access: session,
  endsRights: true,
  ledger: sessions,
  objects: ['STREAM'],
  body: z.strictObject({
    everywhere: field(
      z.optional(z.nullable(z.boolean())),
      'True ends every session of the account; otherwise only this one',
      true,
    ),
  }),
  response: z.object({
    everywhere: field(z.boolean(), 'Whether every session was ended', true),
    signed_out_at: unixSeconds('When they ended'),
  }),
  errors: { 'API Key permission denied': 'the caller used an API key' },
  handle: async (call) => {
    const { session } = call.caller
    if (!session) throw unauthorized()
    const everywhere = call.body.everywhere === true
    const { cutoff, signedOutAt } = await signOut(
      call.db,
      session,
      everywhere,
      ISSUER_CLOCK_AHEAD_SECONDS_MAX,
    )
    rememberEnded(session.id)
    await endStreams(call.objects, session.account, cutoff ? { cutoff } : { id: session.id }).catch(
      (cause: unknown) => {
        throw new ApiError('internal error', 'signed out, but open sockets may stay open', { cause })
      },
    )
    return { everywhere, signed_out_at: signedOutAt }
  },
})

export default serve('auth-logout', authLogout)
