/**
 * Puts into a table what its triggers refuse even to its owner: for a state that takes too long to reach, and for a clean
 * desk. Only a superuser can, and no owner of a real ledger is one.
 */
export async function withoutTriggers(
  sql: (text: string) => Promise<unknown>,
  statement: string,
): Promise<void> {
  await sql(`begin; set local session_replication_role = replica; ${statement}; commit`)
}
