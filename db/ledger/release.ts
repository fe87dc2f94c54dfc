import { sql } from 'drizzle-orm'
import { callVerb, type Database, type Push } from '../client.ts'
import type { RELEASE_REASONS } from '../schema.ts'

export type ReleaseReason = (typeof RELEASE_REASONS)[number]

export interface ReleaseResult {
  /** False when the row was not `reserved`: nothing moved. */
  released: boolean
  pushes: Push[]
}

/** reserved → released, with the funds back and the idempotency key free again. Harmless to repeat. */
export async function release(db: Database, id: string, reason: ReleaseReason): Promise<ReleaseResult> {
  return await callVerb(db, sql`select ledger.release(${id}::uuid, ${reason}) as result`)
}
