import { sql } from 'drizzle-orm'
import { callVerb, type Database, type Push } from '../client.ts'

export interface CreditedDeposits {
  deposited: number
  /** Where the next batch begins; null after the last one. */
  last: string | null
  pushes: Push[]
}

/** Credits at most `limit` recorded deposits whose token has been listed since, those after the one given. */
export async function creditListedDeposits(
  db: Database,
  chainId: number,
  limit: number,
  after: string | null,
): Promise<CreditedDeposits> {
  return await callVerb(
    db,
    sql`select ledger.credit_listed_deposits(${chainId}, ${limit}, ${after}::uuid) as result`,
  )
}
