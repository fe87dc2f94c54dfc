import { sql } from 'drizzle-orm'
import { callVerb, type Database } from '../client.ts'
import type { BlockMark, VaultKey } from './record-logs.ts'

/** What the vault holds of a listed token at a block. */
export interface Holding {
  token: string
  /** Null: it could not be read. */
  in_wei: string | null
  /** Whether its balances are summed too. That is expensive, so it is not done every minute. */
  due: boolean
}

/**
 * Holds what the vault has at a block against the sum of its events, and where that is due against what is owed. What is not
 * explained is an alert, and its logs are read again; a breach of solvency is one, and pauses signing when `pause`.
 *
 * @param firstBlock the vault's own: below it there is nothing to read
 * @param signer whose signatures the vault took at that block; undefined where it did not say
 */
export async function checkHoldings(
  db: Database,
  { chainId, vault }: VaultKey,
  block: BlockMark,
  firstBlock: number,
  holdings: Holding[],
  pause: boolean,
  signer?: string,
): Promise<void> {
  const due = JSON.stringify(holdings.filter((holding) => holding.due))
  // Summing the balances is dear: it comes first, so that the cursor is not locked meanwhile. `offset 0` keeps that order.
  await callVerb(
    db,
    sql`select json_build_object('solvent', summed.solvent,
      'readable', ledger.check_readable(${chainId}, ${vault}, ${block.number}, ${JSON.stringify(holdings)}::jsonb),
      'explained', ledger.check_coins(${chainId}, ${vault}, ${block.number}, ${block.hash}, ${firstBlock}, ${JSON.stringify(holdings)}::jsonb,
        ${signer ?? null})) as result
      from (select ledger.check_solvency(${chainId}, ${vault}, ${block.number}, ${due}::jsonb, ${pause}) as solvent offset 0) summed`,
  )
}
