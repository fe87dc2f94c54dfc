import * as z from 'zod/mini'
import { subaccountTransfer } from '../db/ledger/subaccount-transfer.ts'
import { serveOpen } from './_lib/http/serve.ts'
import { defineEndpoint } from './_lib/http/endpoint.ts'
import { accountOut, amountIn } from './_lib/schemas.ts'
import { agentIn, EXAMPLE, keyIn, signedCaller, signedFamily, signedFields } from './_lib/signed/family.ts'
import { renderPerpError, succeeded } from './_lib/signed/envelope.ts'
import { amountForVerb, TRANSFER_ERRORS, transferOut } from './_lib/signed/transfer.ts'

const OPERATION = { type: 'transfer_funds', fields: ['to_account', 'amount'], agentMaySign: true } as const

export const subaccountPerpTransfer = defineEndpoint({
  ...signedFamily,
  renderError: renderPerpError,
  path: '/account/subaccount/transfer',
  tag: 'Subaccounts',
  summary: 'Move USDT of perp margin between a main account and its subaccount',
  description:
    'Signed type `transfer_funds`. One database round trip. The same message never counts twice: a retry with the same signature answers 409 ' +
    'with the first movement in `data`.',
  body: z.strictObject({
    ...signedFields,
    ...agentIn,
    to_account: accountOut('The other account', EXAMPLE.sub),
    amount: amountIn(),
  }),
  response: transferOut(),
  signedErrors: { ...TRANSFER_ERRORS, insufficient_perp_balance: 'the sender has not that much margin' },
  handler: async (call) => {
    const amount = amountForVerb(call.body.amount)
    const to = keyIn(call.body.to_account, 'to_account')
    const caller = await signedCaller(call, OPERATION)
    const transfer = { caller, to, wallet: 'perp', token: 'USDT', amount, idempotencyKey: null } as const
    return succeeded((await subaccountTransfer(call.db, transfer)).answer)
  },
})

export default serveOpen('subaccount-transfer', subaccountPerpTransfer)
