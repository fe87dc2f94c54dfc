import { sql } from 'drizzle-orm'
import { callVerb, type Database } from '../client.ts'
import type { SignedCaller } from './signed.ts'

export interface AgentBound {
  account: string
  agent_wallet: string
  /** Unix milliseconds. */
  created_at: number
}

/** @throws LedgerRefusal duplicate_signature, agent_bound_elsewhere, account_in_use, limit_reached */
export async function bindAgent(
  db: Database,
  caller: SignedCaller,
  agent: string,
  limit: number,
): Promise<AgentBound> {
  return await callVerb(
    db,
    sql`select ledger.bind_agent(${caller.account}, ${agent}, ${limit}, decode(${caller.digest}, 'hex'), ${caller.expiresAt}) as result`,
  )
}

export async function listAgents(db: Database, account: string): Promise<Omit<AgentBound, 'account'>[]> {
  return await callVerb(db, sql`select ledger.list_agents(${account}) as result`)
}

/**
 * Ends the binding of one agent, or of every agent where `agent` is null; answers how many ended. An `agent` that is the
 * account itself frees itself from whichever account has bound it.
 *
 * @throws LedgerRefusal duplicate_signature, not_found (never for null)
 */
export async function revokeAgents(
  db: Database,
  caller: SignedCaller,
  agent: string | null,
): Promise<number> {
  return await callVerb(
    db,
    sql`select ledger.revoke_agents(${caller.account}, ${agent}, decode(${caller.digest}, 'hex'), ${caller.expiresAt}) as result`,
  )
}
