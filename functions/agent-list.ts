import * as z from 'zod/mini'
import { listAgents } from '../db/ledger/agents.ts'
import { serve } from './_lib/http/serve.ts'
import { walletSigned } from './_lib/ledgers.ts'
import { signed } from './_lib/signed/access.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { accountOut, field } from './_lib/schemas.ts'
import { envelopeOut, EXAMPLE, noAgentIn, signedFields, unixMilliseconds } from './_lib/signed/fields.ts'
import { succeeded } from './_lib/http/signed-envelope.ts'

const OPERATION = {
  type: 'list_agent_wallets',
  fields: [],
  agentMaySign: false,
  nature: 'reads',
} as const

export const agentList = endpoint({
  method: 'POST',
  path: '/agent/list',
  tag: 'Agents',
  summary: 'The agents of an account, oldest first',
  description: 'Signed type `list_agent_wallets` over `{}` by the account itself. Reads only.',
  access: signed(OPERATION),
  ledger: walletSigned,
  body: z.strictObject({ ...signedFields, ...noAgentIn }),
  response: envelopeOut(
    z.object({
      agent_wallets: field(z.array(accountOut('The agent', EXAMPLE.agent)), 'The keys bound now'),
      agents: field(
        z.array(
          z.object({
            agent_wallet: accountOut('The agent', EXAMPLE.agent),
            created_at: unixMilliseconds('When it was bound'),
          }),
        ),
        'The same keys, with the time each was bound',
      ),
    }),
  ),
  handle: async (call) => {
    const agents = await listAgents(call.db, call.caller.account)
    return succeeded({ agent_wallets: agents.map(({ agent_wallet }) => agent_wallet), agents })
  },
})

export default serve('agent-list', agentList)
