/** Every limit of the ledger's client and of an operator's commands: unit in the name, reason beside it. A verb's stand in its SQL. */

/** Statements of one isolate at once: below the connections that one login gets. */
export const STATEMENTS_AT_ONCE_MAX = 20
/**
 * Leaves a statement that begins late its longest wait for a lock (2 s) and another second: that lock's refusal arrives late
 * on a slow machine, and a call that gave up before it would have to be told as a doubt. A burst may wait as long as that allows.
 */
export const TURN_WAIT_MS_MAX = 1_800
/** What a call that waited may take beyond the time limit of one that did not. */
export const TURN_GRACE_MS = 900
export const TURN_LOOK_AGAIN_MS = 5
/** Tries again of a verb that Postgres rolled back for a conflict: what meets others more often is better refused than kept waiting. */
export const VERB_RETRIES_MAX = 3
/** Of what a front says in place of Postgres: enough to tell a refusal by its words. */
export const FRONT_SAID_LENGTH_MAX = 1_000
/** Summing all balances may take a twentieth of the time: cheap sums are due each minute, dear ones less often. */
export const SUM_COST_FACTOR = 20

/** How long a change of the structure waits for a table, with everybody who comes after it waiting too, and how often it asks. */
export const MIGRATION_LOCK_TIMEOUT_MS = 2_000
export const MIGRATION_TRIES_MAX = 10
/** How long a change of a login waits for somebody who is changing the same one, and how often it is tried. */
export const LOGIN_LOCK_TIMEOUT_MS = 1_000
export const LOGIN_CHANGE_TRIES_MAX = 10
/** How long one connection that is to end is waited for, and all of them. */
export const CONNECTION_ENDS_MS = 1_000
export const CONNECTIONS_END_MS = 10_000
