import * as z from 'zod/mini'
import { revokeAgents } from '../db/ledger/agents.ts'
import { serve } from './_lib/http/serve.ts'
import { walletSigned } from './_lib/ledgers.ts'
import { keyIn, signed } from './_lib/signed/access.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { accountOut, field } from './_lib/schemas.ts'
import { envelopeOut, EXAMPLE, signedFields } from './_lib/signed/fields.ts'
import { succeeded } from './_lib/http/signed-envelope.ts'

const OPERATION = { type: 'revoke_agent_wallet', fields: ['agent_wallet'], agentMaySign: false } as const

const agentOf = ({ agent_wallet }: { agent_wallet: string }) => ({
  agent: keyIn(agent_wallet, 'agent_wallet'),
})

export const agentRevoke = endpoint({
  method: 'POST',
  path: '/agent/revoke',
  tag: 'Agents',
  endsRights: true,
  summary: 'Revoke an agent',
  description:
    'Signed type `revoke_agent_wallet` by the account itself. Whatever the agent has begun finishes first: once this has answered, nothing ' +
    'it signed moves any more. A key that somebody else has bound can free itself: it signs, and `account` and `agent_wallet` are both the key.',
  access: signed(OPERATION, agentOf),
  ledger: walletSigned,
  body: z.strictObject({ ...signedFields, agent_wallet: accountOut('The agent', EXAMPLE.agent) }),
  response: envelopeOut(
    z.object({
      account: accountOut('The account', EXAMPLE.main),
      agent_wallet: accountOut('The key that is no longer its agent', EXAMPLE.agent),
      revoked: field(z.literal(1), 'Always 1', 1),
    }),
  ),
  errors: {
    duplicate_signature: 'the same message again',
    agent_not_found: 'the key is not bound to the account (or to any account, where the two are the same)',
  },
  handle: async (call) => {
    const { caller } = call
    const { agent } = caller.input
    const revoked = await revokeAgents(call.db, caller, agent)
    return succeeded({ account: caller.account, agent_wallet: agent, revoked })
  },
})

export default serve('agent-revoke', agentRevoke)
