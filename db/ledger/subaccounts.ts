import { sql } from 'drizzle-orm'
import { callVerb, type Database } from '../client.ts'

export interface SubaccountRow {
  address: string
  /** Perp margin in USDT: decimal text. */
  balance: string
  pending_balance: string
  /** Unix milliseconds. */
  created_at: number
}

export interface SubaccountCreated {
  main_account: string
  subaccount: string
  /** Unix milliseconds. */
  created_at: number
}

/**
 * Makes `sub` the subaccount of `main`; both have signed.
 *
 * @throws LedgerRefusal already_exists, main_is_subaccount, sub_is_subaccount, account_in_use, limit_reached
 */
export async function createSubaccount(
  db: Database,
  main: string,
  sub: string,
  limit: number,
): Promise<SubaccountCreated> {
  return await callVerb(db, sql`select ledger.create_subaccount(${main}, ${sub}, ${limit}) as result`)
}

/** @throws LedgerRefusal agent_not_authorized */
export async function listSubaccounts(
  db: Database,
  account: string,
  agent: string | null,
): Promise<SubaccountRow[]> {
  return await callVerb(db, sql`select ledger.list_subaccounts(${account}, ${agent}) as result`)
}
