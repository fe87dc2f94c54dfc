import * as z from 'zod/mini'
import { subaccountTransfer } from '../db/ledger/subaccount-transfer.ts'
import { serveOpen } from './_lib/http/serve.ts'
import { defineEndpoint } from './_lib/http/endpoint.ts'
import { SYMBOL_LENGTH_MAX } from './_lib/limits.ts'
import { UUID, accountOut, amountIn, documented, field, symbolForVerb, tokenIn } from './_lib/schemas.ts'
import { agentIn, EXAMPLE, keyIn, signedCaller, signedFamily, signedFields } from './_lib/signed/family.ts'
import { SignedRefusal, succeeded } from './_lib/signed/envelope.ts'
import { amountForVerb, TRANSFER_ERRORS, transferOut } from './_lib/signed/transfer.ts'
import { pushBalances } from './_lib/stream/client.ts'

const OPERATION = {
  type: 'transfer_spot_asset',
  fields: ['to_account', 'symbol', 'amount', 'idempotency_key'],
  optional: ['idempotency_key'],
  agentMaySign: true,
} as const
export const subaccountSpotTransfer = defineEndpoint({
  ...signedFamily,
  path: '/account/subaccount/spot_asset/transfer',
  tag: 'Subaccounts',
  summary: 'Move a spot asset between a main account and its subaccount',
  description:
    'Signed type `transfer_spot_asset`. One database round trip decides the agent, the key, the replay, the relationship and the balances, ' +
    'and moves. With an idempotency_key a retry answers 409 with the first movement in `data`, for ever; without one, the same ' +
    'message never counts twice. Both accounts’ streams are told.',
  body: z.strictObject({
    ...signedFields,
    ...agentIn,
    to_account: accountOut('The other account', EXAMPLE.sub),
    symbol: tokenIn('SOL'),
    amount: amountIn(),
    idempotency_key: documented(
      field(
        z.optional(z.nullable(z.string().check(z.regex(UUID, 'expected a UUID')))),
        'Good once per account, for ever',
        '5a0e1c9e-1c7f-4a53-8d36-0a3f8a6f2f0b',
      ),
      { type: ['string', 'null'], format: 'uuid' },
    ),
  }),
  response: transferOut(),
  signedErrors: {
    ...TRANSFER_ERRORS,
    insufficient_spot_balance: 'the sender has not that much available',
    duplicate_idempotency_key: 'the account has used this key before; `data` has the first movement',
  },
  handler: async (call) => {
    const amount = amountForVerb(call.body.amount)
    if (call.body.symbol.length > SYMBOL_LENGTH_MAX) throw new SignedRefusal('asset_not_found')
    const to = keyIn(call.body.to_account, 'to_account')
    const caller = await signedCaller(call, OPERATION)
    const { answer, pushes } = await subaccountTransfer(call.db, {
      caller,
      to,
      wallet: 'spot',
      token: symbolForVerb(call.body.symbol),
      amount,
      idempotencyKey: call.body.idempotency_key?.toLowerCase() ?? null,
    })
    call.after(pushBalances(call.bindings, pushes))
    return succeeded(answer)
  },
})

export default serveOpen('subaccount-spot-transfer', subaccountSpotTransfer)
