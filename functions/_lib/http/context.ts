/** What the router notes about a call, for its log line and for the answer where it fails. */
import type { Context, Hono } from 'hono'
import type { Database } from '../../../db/client.ts'
import type { ErrorCode, Repeat } from '../errors.ts'
import type { Bindings, Envelope, Known } from './access.ts'

interface Variables {
  requestId: string
  functionName: string
  outcome: string
  account: string | null
  db: Database | undefined
  /** The account of the caller who was let in last. */
  known: Known | undefined
  envelope: Envelope | undefined
  internal: ErrorCode
  repeat: Repeat
}
interface Types {
  Bindings: Bindings
  Variables: Variables
}
export type Ctx = Context<Types>
export type App = Hono<Types>
