import * as z from 'zod/mini'
import { revokeAgents } from '../db/ledger/agents.ts'
import { serveOpen } from './_lib/http/serve.ts'
import { defineEndpoint } from './_lib/http/endpoint.ts'
import { accountOut, field } from './_lib/schemas.ts'
import {
  envelopeOut,
  EXAMPLE,
  noAgentIn,
  SIGNATURE_ERRORS,
  signedCaller,
  signedFamily,
  signedFields,
} from './_lib/signed/family.ts'
import { succeeded } from './_lib/signed/envelope.ts'

const OPERATION = { type: 'revoke_all_agent_wallets', fields: [], agentMaySign: false } as const

export const agentRevokeAll = defineEndpoint({
  ...signedFamily,
  path: '/agent/revoke_all',
  tag: 'Agents',
  endsRights: true,
  summary: 'End the binding of every agent of an account',
  description:
    'Signed type `revoke_all_agent_wallets` over `{}` by the account itself. No agents: 200 with 0.',
  body: z.strictObject({ ...signedFields, ...noAgentIn }),
  response: envelopeOut(
    z.object({
      account: accountOut('The account', EXAMPLE.main),
      revoked: field(z.number(), 'How many bindings ended', 2),
    }),
  ),
  signedErrors: { ...SIGNATURE_ERRORS, duplicate_signature: 'the same message again' },
  handler: async (call) => {
    const caller = await signedCaller(call, OPERATION)
    return succeeded({ account: caller.account, revoked: await revokeAgents(call.db, caller, null) })
  },
})

export default serveOpen('agent-revoke-all', agentRevokeAll)
