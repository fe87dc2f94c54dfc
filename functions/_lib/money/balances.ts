/** Whose balances a caller may read: its own, and with a session its subaccounts'. */
import * as z from 'zod/mini'
import type { Database } from '../../../db/client.ts'
import { type BalanceRow, listBalances, listSubaccountBalances } from '../../../db/ledger/balances.ts'
import { parseAccount } from '../wallet/accounts.ts'
import type { Reader } from '../access/read.ts'
import { ApiError } from '../errors.ts'
import { field } from '../schemas.ts'

export const balancesQuery = z.strictObject({
  account: field(
    z.optional(z.string()),
    'The caller’s own account (the default) or, for a session, one of its subaccounts',
    '0x70997970c51812dc3a010c7d01b50e0d17dc79c8',
  ),
})

export const BALANCES_ERRORS = {
  NOT_FOUND: 'the account is neither the caller’s own nor, for a session, one of its subaccounts',
} as const

/**
 * The balances of one wallet, in one round trip. Somebody else's account and one that does not exist look the same.
 * @throws ApiError INVALID_REQUEST, NOT_FOUND
 */
export async function balancesFor(
  db: Database,
  caller: Reader,
  asked: string | undefined,
  wallet: 'perp' | 'spot',
): Promise<BalanceRow[]> {
  const account = asked === undefined ? caller.account : parseAccount(asked)?.id
  if (account === undefined)
    throw new ApiError('INVALID_REQUEST', 'query: account is not an EVM or Solana address')
  if (account === caller.account) return await listBalances(db, account, wallet)
  // An API key reads its own account and nothing else.
  const rows =
    caller.via === 'session' ? await listSubaccountBalances(db, caller.account, account, wallet) : undefined
  if (!rows) throw new ApiError('NOT_FOUND', 'there is no such account here')
  return rows
}
