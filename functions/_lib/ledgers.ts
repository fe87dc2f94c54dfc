/**
 * The ledger's logins, one value per job. An endpoint that says `ledger: transfers` gets the variable with the connection
 * string, the login and the time limit with it. What each login may do stands at the end of its verbs' files and in db/migrations/0002_rules.sql.
 */
import type * as z from 'zod/mini'
import { connect } from '../../db/client.ts'
import type { Job } from '../../db/logins.ts'
import { required } from './env-read.ts'
import { database, optionalDatabase } from './env-fields.ts'
import { DATABASE_TIMEOUT_MS, SETTLE_DATABASE_TIMEOUT_MS } from './limits.ts'

export interface Ledger<V extends string = string, T extends string | undefined = string | undefined> {
  readonly job: Job
  /** Name of the variable with the connection string. */
  readonly variable: V
  /** The schema of that variable, for functions that read it. */
  readonly env: Record<V, z.ZodMiniType<T>>
  /** How long one call may take. */
  readonly timeoutMs: number
  /** Opens the connection. It stands here so that a function without a ledger does not bundle the driver. */
  readonly open: typeof connect
}

// For the bundler, as in env.ts: a bundle names the one variable that it reads.
/* @__NO_SIDE_EFFECTS__ */
const ledger = <V extends string>(job: Job, variable: V): Ledger<V, string> => ({
  job,
  variable,
  env: { [variable]: database(job) } as unknown as Ledger<V, string>['env'],
  timeoutMs: job === 'settle' ? SETTLE_DATABASE_TIMEOUT_MS : DATABASE_TIMEOUT_MS,
  open: connect,
})

/** Balances, histories, and what the stream needs. */
export const reads = /* @__PURE__ */ ledger('reads', 'READS_DATABASE_URL')
/** Signing in and out, and API keys. */
export const sessions = /* @__PURE__ */ ledger('sessions', 'SESSIONS_DATABASE_URL')
/** Between an account's own wallets. */
export const transfers = /* @__PURE__ */ ledger('transfers', 'TRANSFERS_DATABASE_URL')
/** Requests of withdrawals and what became of them: the only ones that see signatures. */
export const withdrawals = /* @__PURE__ */ ledger('withdrawals', 'WITHDRAWALS_DATABASE_URL')
/** What wallets sign: subaccounts and agents. */
export const walletSigned = /* @__PURE__ */ ledger('signed', 'SIGNED_DATABASE_URL')
/** What anybody may know: `public` is a reserved word. */
export const publicReads = /* @__PURE__ */ ledger('public', 'PUBLIC_DATABASE_URL')
/** The cron function. */
export const settle = /* @__PURE__ */ ledger('settle', 'SETTLE_DATABASE_URL')
/** The faucet, which is closed where this is unset. */
export const admin: Ledger<'ADMIN_DATABASE_URL'> = {
  job: 'admin',
  variable: 'ADMIN_DATABASE_URL',
  env: { ADMIN_DATABASE_URL: /* @__PURE__ */ optionalDatabase('admin') },
  timeoutMs: DATABASE_TIMEOUT_MS,
  open: connect,
}

export const LEDGERS: readonly Ledger[] = [
  reads,
  sessions,
  transfers,
  withdrawals,
  walletSigned,
  publicReads,
  settle,
  admin,
]

/** The connection string in variables that were read by a schema. @throws EnvironmentError where it is left out */
export const urlOf = ({ variable }: Ledger, env: object): string =>
  required((env as Record<string, string | undefined>)[variable], variable)
