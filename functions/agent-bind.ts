import * as z from 'zod/mini'
import { bindAgent } from '../db/ledger/agents.ts'
import { serve } from './_lib/http/serve.ts'
import { walletSigned } from './_lib/ledgers.ts'
import { keyIn, signed } from './_lib/signed/access.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { AGENTS_MAX } from './_lib/limits.ts'
import { accountOut } from './_lib/schemas.ts'
import { envelopeOut, EXAMPLE, signedFields, unixMilliseconds } from './_lib/signed/fields.ts'
import { succeeded } from './_lib/http/signed-envelope.ts'
import { SignedRefusal } from './_lib/http/signed-errors.ts'

const OPERATION = { type: 'bind_agent_wallet', fields: ['agent_wallet'], agentMaySign: false } as const

const agentOf = ({ agent_wallet }: { agent_wallet: string }) => ({
  agent: keyIn(agent_wallet, 'agent_wallet'),
})

export const agentBind = endpoint({
  method: 'POST',
  path: '/agent/bind',
  tag: 'Agents',
  summary: 'Let an agent key sign transfers and lists for an account',
  description:
    'Signed type `bind_agent_wallet` by the account itself. Binding the same key again changes nothing and answers 200; the very same ' +
    'message again answers 409, so that it cannot undo a revoke.',
  access: signed(OPERATION, agentOf),
  ledger: walletSigned,
  body: z.strictObject({
    ...signedFields,
    agent_wallet: accountOut('The key that becomes the agent', EXAMPLE.agent),
  }),
  response: envelopeOut(
    z.object({
      account: accountOut('The account', EXAMPLE.main),
      agent_wallet: accountOut('Its agent', EXAMPLE.agent),
      created_at: unixMilliseconds('When it was bound'),
    }),
  ),
  errors: {
    duplicate_signature: 'the same message again',
    agent_bound_elsewhere: 'the key is the agent of another account',
    account_in_use: 'the key is an account with a balance, a history, subaccounts or agents',
    limit_reached: `the account has ${AGENTS_MAX} agents`,
  },
  handle: async (call) => {
    const { caller } = call
    const { agent } = caller.input
    if (agent === caller.account)
      throw new SignedRefusal('invalid_request', 'agent_wallet must not be the account itself')
    return succeeded(await bindAgent(call.db, caller, agent, AGENTS_MAX))
  },
})

export default serve('agent-bind', agentBind)
