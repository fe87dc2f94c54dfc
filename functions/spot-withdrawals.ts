import * as z from 'zod/mini'
import {
  findWithdrawal,
  listWithdrawals,
  WITHDRAWAL_STATUSES,
  type WithdrawalRow,
} from '../db/ledger/withdrawals.ts'
import { serve } from './_lib/http/serve.ts'
import { read, type Reader } from './_lib/access/read.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { ApiError } from './_lib/errors.ts'
import { withdrawals } from './_lib/ledgers.ts'
import { pageAnswer, pageQuery } from './_lib/http/pages.ts'
import {
  UUID,
  accountOut,
  amountOut,
  field,
  SIGNATURE_EXAMPLE,
  TOKEN_SYMBOL,
  tokenIn,
  unixSeconds,
  uuid,
} from './_lib/schemas.ts'

const status = () => z.enum(WITHDRAWAL_STATUSES)
const maybe = <S extends z.ZodMiniType>(schema: S, description: string) =>
  field(z.nullable(schema), description, null)

const withdrawalOut = z.object({
  id: uuid('The withdrawal'),
  token: tokenIn('DF'),
  amount: amountOut('What leaves', '12.5'),
  amount_in_wei: field(z.string(), 'The same in the token’s smallest unit', '12500000000000000000'),
  fee: amountOut('Frozen beside the amount', '0'),
  recipient: accountOut('As requested'),
  chain_id: field(z.number(), 'On which chain', 31337),
  vault_address: accountOut('The vault that pays'),
  nonce: field(z.number(), 'The vault’s counter at which its signature is good', 0),
  status: field(status(), 'Where it stands', 'signed'),
  executable: field(
    z.boolean(),
    'Signed, in time, and next in the vault’s order as confirmed events show it',
    true,
  ),
  deadline: unixSeconds('Last second of chain time at which the vault takes it'),
  tx_hash: maybe(z.string(), 'Payment on chain'),
  block_number: maybe(z.number(), 'Its block'),
  requested_at: unixSeconds('When it was requested'),
  confirmed_at: maybe(z.number(), 'When the payment was settled; unix seconds'),
  signature: field(
    z.optional(z.string()),
    'To session callers only, and only while it is `signed`',
    SIGNATURE_EXAMPLE,
  ),
})

export const spotWithdrawalsList = endpoint({
  method: 'GET',
  path: '/spot/withdrawals',
  tag: 'Withdrawals',
  summary: 'Withdrawals of the account, newest first',
  description: 'A bare array; the next page is in the `Link` header.',
  access: read,
  ledger: withdrawals,
  query: z.strictObject({
    ...pageQuery,
    status: field(z.optional(status()), 'Only those that stand there', 'signed'),
    token: field(z.optional(z.string().check(z.regex(TOKEN_SYMBOL))), 'Only of this token', 'DF'),
  }),
  response: z.array(withdrawalOut),
  handle: async (call) => {
    const rows = await listWithdrawals(call.db, call.caller.account, call.query)
    const shown = (row: WithdrawalRow) => item(row, call.caller, call.now)
    return pageAnswer(call.url, call.query.limit, rows, (row) => row.id, shown)
  },
})

export const spotWithdrawal = endpoint({
  method: 'GET',
  path: '/spot/withdrawals/:id',
  tag: 'Withdrawals',
  summary: 'One withdrawal of the account',
  description: 'Where a lost answer of POST /spot/withdraw/request is found again, its signature included.',
  access: read,
  ledger: withdrawals,
  query: z.strictObject({}),
  params: z.object({ id: uuid('The withdrawal') }),
  response: withdrawalOut,
  errors: { 'invalid id': 'not a UUID', WITHDRAWAL_NOT_FOUND: 'absent, or somebody else’s' },
  handle: async (call) => {
    const { id } = call.params
    if (!UUID.test(id)) throw new ApiError('invalid id', 'id must be a UUID')
    const row = await findWithdrawal(call.db, call.caller.account, id)
    if (!row) throw new ApiError('WITHDRAWAL_NOT_FOUND', 'this account has no such withdrawal')
    return item(row, call.caller, call.now)
  },
})

function item({ signature, next_on_chain, ...row }: WithdrawalRow, caller: Reader, now: number) {
  const usable = row.status === 'signed'
  const executable = usable && row.nonce === next_on_chain && row.deadline >= now
  // The signature moves money: a key that only reads must not carry it out.
  return { ...row, executable, ...(usable && caller.via === 'session' ? { signature } : {}) }
}

export default serve('spot-withdrawals', spotWithdrawalsList, spotWithdrawal)
