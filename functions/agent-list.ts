import * as z from 'zod/mini'
import { listAgents } from '../db/ledger/agents.ts'
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
  unixMilliseconds,
} from './_lib/signed/family.ts'
import { renderReadError, succeeded } from './_lib/signed/envelope.ts'

const OPERATION = { type: 'list_agent_wallets', fields: [], agentMaySign: false } as const

export const agentList = defineEndpoint({
  ...signedFamily,
  renderError: renderReadError,
  path: '/agent/list',
  tag: 'Agents',
  summary: 'The agents of an account, oldest first',
  description: 'Signed type `list_agent_wallets` over `{}` by the account itself. Reads only.',
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
        'The same, with when',
      ),
    }),
  ),
  signedErrors: SIGNATURE_ERRORS,
  handler: async (call) => {
    const { account } = await signedCaller(call, OPERATION)
    const agents = await listAgents(call.db, account)
    return succeeded({ agent_wallets: agents.map(({ agent_wallet }) => agent_wallet), agents })
  },
})

export default serveOpen('agent-list', agentList)
