import * as z from 'zod/mini'
import { listSubaccounts } from '../db/ledger/subaccounts.ts'
import { serve } from './_lib/http/serve.ts'
import { walletSigned } from './_lib/ledgers.ts'
import { signed } from './_lib/signed/access.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { accountOut, amountOut, field } from './_lib/schemas.ts'
import { agentIn, envelopeOut, EXAMPLE, signedFields, unixMilliseconds } from './_lib/signed/fields.ts'
import { succeeded } from './_lib/http/signed-envelope.ts'

const OPERATION = { type: 'list_subaccounts', fields: [], agentMaySign: true, nature: 'reads' } as const
/** Trading fees are not this service's: what clients expect of an account without a tier. */
const FEES = { fee_level: 0, fee_mode: 'auto' } as const

export const subaccountList = endpoint({
  method: 'POST',
  path: '/account/subaccount/list',
  tag: 'Subaccounts',
  summary: 'The subaccounts of an account, oldest first',
  description:
    'Signed type `list_subaccounts` over `{}`. Reads only: the same message may be sent again while it is good.',
  access: signed(OPERATION),
  ledger: walletSigned,
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
  errors: { agent_not_authorized: 'the agent is not bound to the account now' },
  handle: async (call) => {
    const { account, agent } = call.caller
    const rows = await listSubaccounts(call.db, account, agent)
    return succeeded({
      subaccounts: rows.map(({ created_at, ...row }) => ({ ...row, ...FEES, created_at })),
    })
  },
})

export default serve('subaccount-list', subaccountList)
