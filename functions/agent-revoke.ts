import * as z from 'zod/mini'
import { revokeAgents } from '../db/ledger/agents.ts'
import { serveOpen } from './_lib/http/serve.ts'
import { defineEndpoint } from './_lib/http/endpoint.ts'
import { accountOut, field } from './_lib/schemas.ts'
import {
  envelopeOut,
  EXAMPLE,
  keyIn,
  SIGNATURE_ERRORS,
  signedCaller,
  signedFamily,
  signedFields,
} from './_lib/signed/family.ts'
import { succeeded } from './_lib/signed/envelope.ts'

const OPERATION = { type: 'revoke_agent_wallet', fields: ['agent_wallet'], agentMaySign: false } as const

export const agentRevoke = defineEndpoint({
  ...signedFamily,
  path: '/agent/revoke',
  tag: 'Agents',
  endsRights: true,
  summary: 'End the binding of an agent',
  description:
    'Signed type `revoke_agent_wallet` by the account itself. What the agent has begun is let finish first: once this has answered, nothing ' +
    'it signed moves any more. A key that somebody else has bound frees itself: `account` and `agent_wallet` are both the key, and it signs.',
  body: z.strictObject({ ...signedFields, agent_wallet: accountOut('The agent', EXAMPLE.agent) }),
  response: envelopeOut(
    z.object({
      account: accountOut('The account', EXAMPLE.main),
      agent_wallet: accountOut('Its agent no more', EXAMPLE.agent),
      revoked: field(z.literal(1), 'Always 1', 1),
    }),
  ),
  signedErrors: {
    ...SIGNATURE_ERRORS,
    duplicate_signature: 'the same message again',
    agent_not_found: 'the key is not bound to the account, or, where they are the same, to any',
  },
  handler: async (call) => {
    const agent = keyIn(call.body.agent_wallet, 'agent_wallet')
    const caller = await signedCaller(call, OPERATION)
    const revoked = await revokeAgents(call.db, caller, agent)
    return succeeded({ account: caller.account, agent_wallet: agent, revoked })
  },
})

export default serveOpen('agent-revoke', agentRevoke)
