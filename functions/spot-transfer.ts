import * as z from 'zod/mini'
import { transfer } from '../db/ledger/transfer.ts'
import { serve } from './_lib/http/serve.ts'
import { session } from './_lib/access/session.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { ApiError } from './_lib/errors.ts'
import { idempotencyOf } from './_lib/http/idempotency.ts'
import { transfers } from './_lib/ledgers.ts'
import { replayable } from './_lib/http/replay.ts'
import {
  amountIn,
  amountOut,
  documented,
  field,
  symbolOf,
  tokenIn,
  unixSeconds,
  uuid,
} from './_lib/schemas.ts'
import { pushBalances } from './_lib/stream/client.ts'
import { checkedAmount } from './_lib/money/token-check.ts'

const DIRECTIONS = ['perp_to_spot', 'spot_to_perp']
const direction = () =>
  documented(field(z.string(), '`perp_to_spot` or `spot_to_perp`', 'spot_to_perp'), {
    type: 'string',
    enum: DIRECTIONS,
  })

export const spotTransfer = endpoint({
  method: 'POST',
  path: '/spot/transfer',
  tag: 'Spot wallet',
  summary: 'Move tokens between perp margin and the spot wallet',
  description:
    'One database transaction under row locks: both balances move or neither does, and one account’s transfers run one after another. ' +
    'Nothing happens on chain. Safe to repeat with an Idempotency-Key; without one a repeated request is a second transfer.',
  access: session,
  ledger: transfers,
  objects: ['STREAM'],
  body: z.strictObject({ token: tokenIn(), direction: direction(), amount: amountIn() }),
  response: z.object({
    direction: direction(),
    token: tokenIn(),
    amount: amountOut('What moved'),
    perp_balance_after: amountOut('Available in perp margin afterwards', '4900'),
    spot_balance_after: amountOut('Available in the spot wallet afterwards', '5100'),
    transfer_id: uuid('The movement in the ledger'),
    created_at: unixSeconds('When it was committed'),
  }),
  errors: {
    INVALID_DIRECTION: 'neither `perp_to_spot` nor `spot_to_perp`',
    UNSUPPORTED_TOKEN: 'the token is not enabled for transfers',
    INVALID_AMOUNT: 'not a decimal string, or more decimals than the token has',
    AMOUNT_NON_POSITIVE: 'zero or negative',
    INSUFFICIENT_BALANCE: 'the source has less than that available',
  },
  idempotent: true,
  handle: async (call) => {
    const { token, direction: way, amount } = call.body
    if (!DIRECTIONS.includes(way))
      throw new ApiError('INVALID_DIRECTION', `direction must be ${DIRECTIONS.join(' or ')}`)
    const result = await transfer(call.db, {
      account: call.caller.account,
      token: symbolOf(token),
      direction: way,
      amount: await checkedAmount(
        () => call.db,
        token,
        amount,
        (row) => row.transferable,
      ),
      idempotency: await idempotencyOf(call.header('idempotency-key'), call.body),
    })
    call.after(pushBalances(call.objects, result.pushes))
    return replayable(result)
  },
})

export default serve('spot-transfer', spotTransfer)
