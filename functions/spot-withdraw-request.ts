import * as z from 'zod/mini'
import type { Push } from '../db/client.ts'
import { reserve } from '../db/ledger/reserve.ts'
import { UNREADABLE, type Readable } from '../db/ledger/unreadable.ts'
import { session } from './_lib/access/session.ts'
import { chainEnv, rpcEnv, signerEnv, vaultEnv, withdrawEnv } from './_lib/env.ts'
import { ApiError } from './_lib/errors.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { idempotencyOf } from './_lib/http/idempotency.ts'
import { replayable } from './_lib/http/replay.ts'
import { serve } from './_lib/http/serve.ts'
import { withdrawals } from './_lib/ledgers.ts'
import { WITHDRAWALS_OPEN_MAX } from './_lib/limits.ts'
import { amountOf } from './_lib/money/amount.ts'
import {
  accountOut,
  amountIn,
  amountOut,
  field,
  SIGNATURE_EXAMPLE,
  symbolOf,
  tokenIn,
  unixSeconds,
  uuid,
} from './_lib/schemas.ts'
import { pushBalances } from './_lib/stream/client.ts'
import { parseEvmAccount } from './_lib/wallet/accounts.ts'
import { authorityOf } from './_lib/withdraw/authority.ts'
import { authorize } from './_lib/withdraw/withdrawal.ts'
import { witnessOf } from './_lib/witness/object.ts'

export const spotWithdrawRequest = endpoint({
  method: 'POST',
  path: '/spot/withdraw/request',
  tag: 'Withdrawals',
  summary: 'Reserve funds and get the signature that lets the vault pay them',
  description:
    'Freezes the amount, signs with KMS while the vault’s counter is read, stores the signature, then answers. The caller’s own account sends it to the vault: ' +
    '`withdraw(token, amount_in_wei, deadline, signature)` pays `msg.sender`, and the vault takes an account’s signatures in nonce order. ' +
    'Unused past its deadline, the amount comes back. Safe to repeat with an Idempotency-Key; a lost answer is also at GET /spot/withdrawals/:id.',
  access: session,
  env: { ...chainEnv, ...rpcEnv, ...withdrawEnv, ...vaultEnv, ...signerEnv },
  ledger: withdrawals,
  objects: ['STREAM', 'WITNESS'],
  body: z.strictObject({
    token: tokenIn('DF'),
    amount: amountIn(),
    recipient: field(
      z.optional(z.nullable(z.string())),
      'EVM address for the record, by default the caller’s; the vault always pays the caller',
      '0x70997970c51812dc3a010c7d01b50e0d17dc79c8',
    ),
  }),
  response: z.object({
    id: uuid('The withdrawal'),
    token: tokenIn('DF'),
    amount: amountOut('Amount frozen for it', '12.5'),
    token_contract: accountOut('The token’s contract, the first argument of `withdraw`'),
    amount_in_wei: field(z.string(), 'The same in the token’s smallest unit', '12500000000000000000'),
    recipient: accountOut('As requested, lower case'),
    nonce: field(z.number(), 'The vault’s counter value for which this signature is valid', 0),
    signature: field(z.string(), '65 bytes r‖s‖v as 0x hex', SIGNATURE_EXAMPLE),
    deadline: unixSeconds('Last second, in chain time, in which the vault accepts it'),
    vault_address: accountOut('The vault to send it to'),
    chain_id: field(z.number(), 'Chain of the vault', 31337),
    status: field(z.literal('signed'), 'Always signed', 'signed'),
  }),
  errors: {
    'spot subsystem disabled': '`SPOT_ENABLED` is not true',
    WITHDRAWALS_PAUSED:
      'an operator or the solvency check has paused signing, or what the chain says of the account is being looked at',
    UNSUPPORTED_TOKEN: 'the token is not enabled for withdrawals',
    INVALID_AMOUNT: 'not a decimal string, or more decimals than the token has',
    AMOUNT_NON_POSITIVE: 'zero or negative',
    'amount below minimum': 'below the token’s minimum, which the code ends with: `amount below minimum 1`',
    INVALID_RECIPIENT: 'not an EVM address, or the zero address, the vault or the contract of a token',
    UNSUPPORTED_ACCOUNT: 'the caller is not an EVM account',
    INSUFFICIENT_BALANCE: 'less than that is available in the spot wallet',
    WITHDRAWAL_IN_PROGRESS: 'another withdrawal of this account is being signed right now',
    LIMIT_REACHED: `the account has ${WITHDRAWALS_OPEN_MAX} open withdrawals`,
    SIGNER_UNAVAILABLE:
      'KMS or the ledger’s witness did not answer in time; the funds are back, retry with backoff',
    CHAIN_UNAVAILABLE:
      'the vault’s counter of the account could not be read; the funds are back, retry with backoff',
    'sign failed': 'KMS answered, but not with a signature of the configured signer; the funds are back',
  },
  internal: 'internal',
  idempotent: true,
  handle: async (call) => {
    const { env, body, caller, objects } = call
    if (!env.SPOT_ENABLED) throw new ApiError('spot subsystem disabled', 'withdrawals are switched off here')
    const asked = {
      account: caller.account,
      token: symbolOf(body.token),
      amount: amountOf(body.amount),
      recipient: typeof body.recipient === 'string' ? evmAddressOf(body.recipient) : caller.account,
      chainId: env.CHAIN_ID,
      vault: env.VAULT_ADDRESS,
      ttlSeconds: env.WITHDRAW_TTL_SECONDS,
      idempotency: await idempotencyOf(call.header('idempotency-key'), body),
    }
    const after = (work: Promise<unknown>) => call.after(work)
    const push = (pushes: Push[]) => after(pushBalances(objects, pushes))
    const authority = authorityOf(env, call.db, witnessOf(objects), { push, after })
    // A caller who hangs up must not leave funds frozen until the cron function comes.
    return await call.complete(async () => {
      const reserved = await reserve(call.db, asked)
      push(reserved.pushes)
      if (reserved.outcome === 'replayed') return replayable({ ...reserved, replayed: true })
      return await authorize(authority, reserved.reservation)
    })
  },
})

const evmAddressOf = (text: string): Readable => parseEvmAccount(text)?.id ?? UNREADABLE

export default serve('spot-withdraw-request', spotWithdrawRequest)
