import * as z from 'zod/mini'
import { revokeAgents } from '../db/ledger/agents.ts'
import { serve } from './_lib/http/serve.ts'
import { walletSigned } from './_lib/ledgers.ts'
import { signed } from './_lib/signed/access.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { accountOut, field } from './_lib/schemas.ts'
import { envelopeOut, EXAMPLE, noAgentIn, signedFields } from './_lib/signed/fields.ts'
import { succeeded } from './_lib/http/signed-envelope.ts'

const OPERATION = { type: 'revoke_all_agent_wallets', fields: [], agentMaySign: false } as const

export const agentRevokeAll = endpoint({
  method: 'POST',
  path: '/agent/revoke_all',
  tag: 'Agents',
  endsRights: true,
  summary: 'Revoke every agent of an account',
  description:
    'Signed type `revoke_all_agent_wallets` over `{}` by the account itself. Without any agent it answers 200 with 0.',
  access: signed(OPERATION),
  ledger: walletSigned,
  body: z.strictObject({ ...signedFields, ...noAgentIn }),
  response: envelopeOut(
    z.object({
      account: accountOut('The account', EXAMPLE.main),
      revoked: field(z.number(), 'How many bindings ended', 2),
    }),
  ),
  errors: { duplicate_signature: 'the same message again' },
  handle: async (call) => {
    const { caller } = call
    return succeeded({ account: caller.account, revoked: await revokeAgents(call.db, caller, null) })
  },
})

export default serve('agent-revoke-all', agentRevokeAll)
