import * as z from 'zod/mini'
import { subaccountTransfer } from '../db/ledger/subaccount-transfer.ts'
import { serve } from './_lib/http/serve.ts'
import { walletSigned } from './_lib/ledgers.ts'
import { keyIn, signed } from './_lib/signed/access.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { SYMBOL_LENGTH_MAX } from './_lib/limits.ts'
import { UUID, accountOut, amountIn, documented, field, symbolOf, tokenIn } from './_lib/schemas.ts'
import { agentIn, EXAMPLE, signedFields } from './_lib/signed/fields.ts'
import { succeeded } from './_lib/http/signed-envelope.ts'
import { SignedRefusal } from './_lib/http/signed-errors.ts'
import { amountForVerb, TRANSFER_ERRORS, transferOut } from './_lib/signed/transfer.ts'
import { pushBalances } from './_lib/stream/client.ts'

const OPERATION = {
  type: 'transfer_spot_asset',
  fields: ['to_account', 'symbol', 'amount', 'idempotency_key'],
  optional: ['idempotency_key'],
  agentMaySign: true,
} as const
const body = z.strictObject({
  ...signedFields,
  ...agentIn,
  to_account: accountOut('The other account', EXAMPLE.sub),
  symbol: tokenIn('SOL'),
  amount: amountIn(),
  idempotency_key: documented(
    field(
      z.optional(z.nullable(z.string().check(z.regex(UUID, 'expected a UUID')))),
      'Can be used once per account, for ever',
      '5a0e1c9e-1c7f-4a53-8d36-0a3f8a6f2f0b',
    ),
    { type: ['string', 'null'], format: 'uuid' },
  ),
})

export const subaccountSpotTransfer = endpoint({
  method: 'POST',
  path: '/account/subaccount/spot_asset/transfer',
  tag: 'Subaccounts',
  summary: 'Move a spot asset between a main account and its subaccount',
  description:
    'Signed type `transfer_spot_asset`. One database round trip decides the agent, the key, the replay, the relationship and the balances, ' +
    'and moves. With an idempotency_key a retry answers 409 with the first movement in `data`, for ever; without one, the same ' +
    'message never counts twice. Both accounts’ streams are told.',
  access: signed(OPERATION, ({ amount, symbol, to_account }: z.output<typeof body>) => {
    const read = amountForVerb(amount)
    if (symbol.length > SYMBOL_LENGTH_MAX) throw new SignedRefusal('asset_not_found')
    return { amount: read, to: keyIn(to_account, 'to_account') }
  }),
  ledger: walletSigned,
  objects: ['STREAM'],
  body,
  response: transferOut(),
  errors: {
    ...TRANSFER_ERRORS,
    insufficient_spot_balance: 'the sender has less than that available',
    duplicate_idempotency_key: 'the account has used this key before; `data` has the first movement',
  },
  handle: async (call) => {
    const { caller } = call
    const { to, amount } = caller.input
    const { answer, pushes } = await subaccountTransfer(call.db, {
      caller,
      to,
      wallet: 'spot',
      token: symbolOf(call.body.symbol),
      amount,
      idempotencyKey: call.body.idempotency_key?.toLowerCase() ?? null,
    })
    call.after(pushBalances(call.objects, pushes))
    return succeeded(answer)
  },
})

export default serve('subaccount-spot-transfer', subaccountSpotTransfer)
