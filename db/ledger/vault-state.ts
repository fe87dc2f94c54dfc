import { sql } from 'drizzle-orm'
import { callVerb, type Database } from '../client.ts'
import type { VaultKey } from './record-logs.ts'

/** Pauses signing and raises an alert that names what differs between the vault at a block and the configuration. */
export async function vaultDiffers(
  db: Database,
  { chainId, vault }: VaultKey,
  block: number,
  differs: object,
): Promise<void> {
  await callVerb(
    db,
    sql`select ledger.report_vault_differs(${chainId}, ${vault}, ${block}, ${JSON.stringify(differs)}::jsonb) as result`,
  )
}

/** The same for an address where no vault is. @param contract there is a contract, of another kind */
export async function notAVault(
  db: Database,
  { chainId, vault }: VaultKey,
  block: number,
  contract: boolean,
): Promise<void> {
  await callVerb(
    db,
    sql`select ledger.report_no_vault(${chainId}, ${vault}, ${block}, ${contract}) as result`,
  )
}

/** Opens an alert: a withdrawal was refused for what the newest block says of the vault. @param faults as VaultFault names them */
export async function reportVault(db: Database, id: string, faults: readonly string[]): Promise<void> {
  await callVerb(db, sql`select ledger.report_vault(${id}::uuid, ${JSON.stringify(faults)}::jsonb) as result`)
}
