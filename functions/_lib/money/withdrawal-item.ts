/** A withdrawal, as its owner sees it. */
import * as z from 'zod/mini'
import { WITHDRAWAL_STATUSES, type WithdrawalRow } from '../../../db/ledger/withdrawals.ts'
import type { Reader } from '../access/read.ts'
import { accountOut, amountOut, field, SIGNATURE_EXAMPLE, tokenIn, unixSeconds, uuid } from '../schemas.ts'

export const withdrawalStatus = () => z.enum(WITHDRAWAL_STATUSES)
const maybe = <S extends z.ZodMiniType>(schema: S, description: string) =>
  field(z.nullable(schema), description, null)

export const withdrawalItem = z.object({
  id: uuid('The withdrawal'),
  token: tokenIn('DF'),
  token_contract: accountOut('Its contract, for the vault’s `withdraw`; the zero address is the native coin'),
  amount: amountOut('What the vault pays', '12.5'),
  amount_in_wei: field(z.string(), 'The same in the token’s smallest unit', '12500000000000000000'),
  fee: amountOut('Frozen in addition to the amount', '0'),
  recipient: accountOut('As requested'),
  chain_id: field(z.number(), 'Chain of the vault', 31337),
  vault_address: accountOut('The vault that pays'),
  nonce: field(z.number(), 'The vault’s counter value for which its signature is valid', 0),
  status: field(withdrawalStatus(), 'Current status', 'signed'),
  executable: field(
    z.boolean(),
    'Whether it can be paid now: signed, before its deadline, and next in the vault’s nonce order as confirmed events show it',
    true,
  ),
  deadline: unixSeconds('Last second, in chain time, in which the vault accepts it'),
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

export function shownWithdrawal(
  { signature, next_on_chain, ...row }: WithdrawalRow,
  caller: Reader,
  now: number,
) {
  const usable = row.status === 'signed'
  const executable = usable && row.nonce === next_on_chain && row.deadline >= now
  // The signature moves money: a key that only reads must not carry it out.
  return { ...row, executable, ...(usable && caller.via === 'session' ? { signature } : {}) }
}

/** Of withdrawals as CSV: all but the signature, which is money and belongs into no book. */
export const WITHDRAWAL_COLUMNS = Object.keys(withdrawalItem.shape).filter((name) => name !== 'signature')
