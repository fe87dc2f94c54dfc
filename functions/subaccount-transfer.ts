import * as z from 'zod/mini'
import { subaccountTransfer } from '../db/ledger/subaccount-transfer.ts'
import { serve } from './_lib/http/serve.ts'
import { walletSigned } from './_lib/ledgers.ts'
import { keyIn, signed } from './_lib/signed/access.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { accountOut, amountIn } from './_lib/schemas.ts'
import { agentIn, EXAMPLE, signedFields } from './_lib/signed/fields.ts'
import { succeeded } from './_lib/http/signed-envelope.ts'
import { amountForVerb, TRANSFER_ERRORS, transferOut } from './_lib/signed/transfer.ts'

const OPERATION = {
  type: 'transfer_funds',
  fields: ['to_account', 'amount'],
  agentMaySign: true,
  nature: 'perp',
} as const

const body = z.strictObject({
  ...signedFields,
  ...agentIn,
  to_account: accountOut('The other account', EXAMPLE.sub),
  amount: amountIn(),
})

export const subaccountPerpTransfer = endpoint({
  method: 'POST',
  path: '/account/subaccount/transfer',
  tag: 'Subaccounts',
  summary: 'Move USDT of perp margin between a main account and its subaccount',
  description:
    'Signed type `transfer_funds`. One database round trip. The same message never counts twice: a retry with the same signature answers 409 ' +
    'with the first movement in `data`.',
  access: signed(OPERATION, ({ amount, to_account }: z.output<typeof body>) => ({
    amount: amountForVerb(amount),
    to: keyIn(to_account, 'to_account'),
  })),
  ledger: walletSigned,
  body,
  response: transferOut(),
  errors: { ...TRANSFER_ERRORS, insufficient_perp_balance: 'the sender has less margin than that' },
  handle: async (call) => {
    const { caller } = call
    const { to, amount } = caller.input
    const transfer = { caller, to, wallet: 'perp', token: 'USDT', amount, idempotencyKey: null } as const
    return succeeded((await subaccountTransfer(call.db, transfer)).answer)
  },
})

export default serve('subaccount-transfer', subaccountPerpTransfer)
