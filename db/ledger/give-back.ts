import { sql } from 'drizzle-orm'
import { callVerb, type Database, type Push } from '../client.ts'
import type { GIVE_BACK_REASONS } from '../schema.ts'

export type GiveBackReason = (typeof GIVE_BACK_REASONS)[number]

export interface GivenBack {
  /** False when the row was not `reserved`: nothing moved. */
  released: boolean
  pushes: Push[]
}

/** Reserved → released: the funds are back and the idempotency key free again. Harmless to repeat. */
export async function giveBack(db: Database, id: string, reason: GiveBackReason): Promise<GivenBack> {
  return await callVerb(db, sql`select ledger.give_back(${id}::uuid, ${reason}) as result`)
}
