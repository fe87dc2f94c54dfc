/** Whose balances a caller may read: its own, and with a session its subaccounts'. */
import * as z from 'zod/mini'
import type { Database } from '../../../db/client.ts'
import {
  type BalanceRow,
  type FamilyMember,
  listBalances,
  listFamilyBalances,
  listSubaccountBalances,
} from '../../../db/ledger/balances.ts'
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
  include: field(
    z.optional(z.literal('subaccounts')),
    '`subaccounts`: those of the account too; for a session',
    'subaccounts',
  ),
})

export const BALANCES_ERRORS = {
  'API Key permission denied': 'an API key asked for subaccounts',
  NOT_FOUND: 'the account is neither the caller’s own nor, for a session, one of its subaccounts',
} as const

interface Balances {
  balances: BalanceRow[]
  subaccounts?: FamilyMember[]
}

/**
 * The balances of one wallet, in one round trip. Somebody else's account and one that does not exist look the same.
 * @throws ApiError INVALID_REQUEST, NOT_FOUND, API Key permission denied
 */
export async function balancesFor(
  db: Database,
  caller: Reader,
  { account: asked, include }: z.output<typeof balancesQuery>,
  wallet: 'perp' | 'spot',
): Promise<Balances> {
  const account = asked === undefined ? caller.account : parseAccount(asked)?.id
  if (account === undefined)
    throw new ApiError('INVALID_REQUEST', 'query: account is not an EVM or Solana address')
  // An API key reads its own account and nothing else.
  if (include !== undefined && caller.via !== 'session')
    throw new ApiError('API Key permission denied', 'an API key reads its own account and no other')
  if (account === caller.account)
    return include === undefined
      ? { balances: await listBalances(db, account, wallet) }
      : await listFamilyBalances(db, account, wallet)
  const balances =
    caller.via === 'session' ? await listSubaccountBalances(db, caller.account, account, wallet) : undefined
  if (!balances) throw new ApiError('NOT_FOUND', 'there is no such account here')
  // A subaccount has none of its own.
  return { balances, ...(include !== undefined && { subaccounts: [] }) }
}
