import * as z from 'zod/mini'
import { credit } from '../db/ledger/credit.ts'
import { parseAccount } from './_lib/wallet/accounts.ts'
import { serve } from './_lib/http/serve.ts'
import { adminKey } from './_lib/access/admin-key.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { ApiError } from './_lib/errors.ts'
import { idempotencyOf } from './_lib/http/idempotency.ts'
import { admin } from './_lib/ledgers.ts'
import { CREDIT_REASON_LENGTH_MAX } from './_lib/limits.ts'
import { replayable } from './_lib/http/replay.ts'
import { accountOut, amountIn, field, symbolOf, tokenIn } from './_lib/schemas.ts'
import { pushBalances } from './_lib/stream/client.ts'
import { checkedAmount } from './_lib/money/token-check.ts'

export const adminCredit = endpoint({
  method: 'POST',
  path: '/admin/spot/balances/credit',
  tag: 'Admin',
  summary: 'Credit a spot balance (testnet faucet)',
  description:
    'One transaction: the balance, the movement from issuance and the row in `spot_admin_credits`. After the commit the balance is ' +
    'pushed to the account’s stream. Safe to repeat with an Idempotency-Key.',
  access: adminKey,
  ledger: admin,
  objects: ['STREAM'],
  body: z.strictObject({
    user_address: accountOut('EVM or Solana address to credit'),
    token: tokenIn(),
    amount: amountIn(),
    reason: field(
      z.optional(z.nullable(z.string().check(z.maxLength(CREDIT_REASON_LENGTH_MAX)))),
      'Why, for the audit row; at most 500 characters',
      'load test',
    ),
  }),
  response: z.object({ ok: field(z.literal(true), 'Always true', true) }),
  errors: {
    INVALID_ADDRESS: 'not an EVM or Solana address',
    UNSUPPORTED_TOKEN: 'no such token',
    INVALID_AMOUNT: 'not a decimal string, or more decimals than the token has',
    AMOUNT_NON_POSITIVE: 'zero or negative',
  },
  internal: 'DB_ERROR',
  idempotent: true,
  handle: async (call) => {
    const { user_address: address, token, amount, reason } = call.body
    const account = parseAccount(address)
    if (!account) throw new ApiError('INVALID_ADDRESS', 'user_address is neither an EVM nor a Solana address')
    const result = await credit(call.db, {
      account: account.id,
      token: symbolOf(token),
      amount: await checkedAmount(
        () => call.db,
        token,
        amount,
        () => true,
      ),
      reason: reason ?? undefined,
      requestId: call.requestId,
      idempotency: await idempotencyOf(call.header('idempotency-key'), call.body),
    })
    call.after(pushBalances(call.objects, result.pushes))
    return replayable(result)
  },
})

export default serve('admin-credit', adminCredit)
