/**
 * What an endpoint is: one object that holds its whole contract (path, access, schemas, errors) beside its handler. The
 * router (router.ts), the OpenAPI document, the configuration and the shared attack tests all read this object.
 */
import * as z from 'zod/mini'
import type { Database } from '../../../db/client.ts'
import { commonEnv } from '../env.ts'
import type { ErrorCode } from '../errors.ts'
import type { Ledger } from '../ledgers.ts'
import type { Access, Header, Shape } from './access.ts'
import type { Bound, ObjectName } from './objects.ts'

type Schema = z.ZodMiniType
type Out<S> = S extends Schema ? z.output<S> : undefined

export interface Call<Who, E extends Shape, L, B, Q, P, O extends ObjectName> {
  /** The endpoint's own variables. */
  readonly env: z.output<z.ZodMiniObject<E>>
  /** The Durable Objects that its `objects` names, and no other. */
  readonly objects: Bound<O>
  /** Who calls, in the form that its access gives. */
  readonly caller: Who
  readonly body: Out<B>
  readonly query: Out<Q>
  readonly params: Out<P>
  readonly db: L extends Ledger ? Database : never
  readonly requestId: string
  readonly url: URL
  /** Unix seconds. */
  readonly now: number
  readonly header: Header
  /** Keeps work going after the answer; its failure is logged and harms nobody. */
  after(work: Promise<unknown>): void
  /** Finishes work even when the caller hangs up, and returns its result. */
  complete<T>(work: () => Promise<T>): Promise<T>
}

interface Definition<Who, Id extends string, E extends Shape, L, B, Q, P, O extends ObjectName> {
  method: 'GET' | 'POST' | 'DELETE'
  /** Hono path below `/api/v1`, or from the root when `atRoot`. */
  path: string
  atRoot?: true
  summary: string
  /** What a retry does, what is locked, what is pushed: for the reference page. */
  description?: string
  tag: string
  /** Who may call. */
  access: Access<Who, Id>
  /** The login it uses at the ledger; without one it has no database. */
  ledger?: L
  /** The Durable Objects that it calls. */
  objects?: readonly O[]
  /** Its own variables, in addition to those of its access and its ledger. */
  env?: E
  body?: B
  query?: Q
  params?: P
  /** Shape of the 200 answer. */
  response?: Schema
  /** Its own errors, each with when it is answered. Those of its access and those of every endpoint are added. */
  errors?: Partial<Record<Id, string>>
  /** The code of an unexpected failure; `internal error` by default. */
  internal?: ErrorCode
  /** Takes an `Idempotency-Key`. */
  idempotent?: true
  /** Takes back what a thief may hold (a key, an agent, a session): counted apart, so that a flood cannot block it. */
  endsRights?: true
  /** For the reference page only; nothing here changes an answer. */
  docs?: EndpointDocs
  handle: (call: Call<Who, E, L, B, Q, P, O>) => Promise<Response | object>
}

export interface EndpointDocs {
  /** Status of the successful answer, where it is not 200. */
  status?: number
  /** Content type of that answer, where it is not JSON. */
  contentType?: string
  /** The answer is a list that comes as CSV too, to who accepts that. */
  csv?: true
  /** Named schemas the description speaks of, such as a stream's messages. */
  schemas?: Record<string, Schema>
  /** Left out of the reference: a part of a page, not of the API. */
  hidden?: true
}

type Maybe<T> = T | undefined

/** An endpoint with its schemas' types forgotten, as lists of endpoints hold it, and what follows from its values filled in. */
export interface Endpoint extends Omit<
  Definition<unknown, string, Shape, Maybe<Ledger>, Maybe<Schema>, Maybe<Schema>, Maybe<Schema>, ObjectName>,
  'env' | 'errors' | 'internal' | 'handle'
> {
  /** Every variable it reads: its own, its access's and its ledger's. */
  env: z.ZodMiniObject
  /** Its own, and those of its access. */
  errors: Partial<Record<string, string>>
  internal: ErrorCode
  handle: (call: object) => Promise<Response | object>
}

export function endpoint<
  Who,
  Id extends string,
  E extends Shape = Record<never, Schema>,
  L extends Maybe<Ledger> = undefined,
  B extends Maybe<Schema> = undefined,
  Q extends Maybe<Schema> = undefined,
  P extends Maybe<Schema> = undefined,
  O extends ObjectName = never,
>(definition: Definition<Who, Id, E, L, B, Q, P, O>): Endpoint {
  const { access, ledger, env, errors, internal = 'internal error' } = definition
  return {
    ...(definition as unknown as Endpoint),
    internal,
    env: z.object({ ...commonEnv, ...access.env, ...env, ...ledger?.env }),
    errors: { ...access.errors, ...errors },
  }
}

export const fullPath = ({ atRoot, path }: Pick<Endpoint, 'atRoot' | 'path'>): string =>
  (atRoot ? '' : '/api/v1') + path
