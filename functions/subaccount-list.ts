import * as z from 'zod/mini'
import { listSubaccounts } from '../db/ledger/subaccounts.ts'
import { serveOpen } from './_lib/http/serve.ts'
import { defineEndpoint } from './_lib/http/endpoint.ts'
import { accountOut, amountOut, field } from './_lib/schemas.ts'
import {
  agentIn,
  envelopeOut,
  EXAMPLE,
  SIGNATURE_ERRORS,
  signedCaller,
  signedFamily,
  signedFields,
  unixMilliseconds,
} from './_lib/signed/family.ts'
import { renderReadError, succeeded } from './_lib/signed/envelope.ts'

const OPERATION = { type: 'list_subaccounts', fields: [], agentMaySign: true } as const
/** Trading fees are not this service's: what clients expect of an account without a tier. */
const FEES = { fee_level: 0, fee_mode: 'auto' } as const

export const subaccountList = defineEndpoint({
  ...signedFamily,
  renderError: renderReadError,
  path: '/account/subaccount/list',
  tag: 'Subaccounts',
  summary: 'The subaccounts of an account, oldest first',
  description:
    'Signed type `list_subaccounts` over `{}`. Reads only: the same message may be sent again while it is good.',
  body: z.strictObject({ ...signedFields, ...agentIn }),
  response: envelopeOut(
    z.object({
      subaccounts: field(
        z.array(
          z.object({
            address: accountOut('The subaccount', EXAMPLE.sub),
            balance: amountOut('Its perp margin in USDT, available'),
            pending_balance: amountOut('The frozen part of it', '0'),
            fee_level: field(z.literal(0), 'Always 0: fees are not part of this service', 0),
            fee_mode: field(z.literal('auto'), 'Always `auto`', 'auto'),
            created_at: unixMilliseconds('When it became a subaccount'),
          }),
        ),
        'The subaccounts',
      ),
    }),
  ),
  signedErrors: { ...SIGNATURE_ERRORS, agent_not_authorized: 'the agent is not bound to the account now' },
  handler: async (call) => {
    const caller = await signedCaller(call, OPERATION)
    const rows = await listSubaccounts(call.db, caller.account, caller.agent)
    return succeeded({
      subaccounts: rows.map(({ created_at, ...row }) => ({ ...row, ...FEES, created_at })),
    })
  },
})

export default serveOpen('subaccount-list', subaccountList)
