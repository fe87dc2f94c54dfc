/**
 * What an endpoint is: one object that holds its whole contract (path, caller, schemas, errors) beside its handler. The
 * router (router.ts), the OpenAPI document and the shared attack tests all read this object.
 */
import * as z from 'zod/mini'
import type { Database } from '../../../db/client.ts'
import type { ErrorCode } from '../errors.ts'
import type { Ledger } from '../ledgers.ts'
import type { Session } from '../access/session-claims.ts'
import type { SignedErrorId } from '../signed/envelope.ts'

/**
 * Who may call. `session`: a bearer token; a user API key is known but refused (403). `read`: a bearer token or a user
 * API key. `admin`: the admin key. `signature`: the body proves it. `none`: anybody.
 */
export type Access = 'session' | 'read' | 'admin' | 'signature' | 'none'

export interface Caller {
  /** The account that calls; empty where the access is admin, signature or none. */
  account: string
  via: 'session' | 'api_key' | 'admin' | 'none'
  /** Of a caller with a token: `call.db` refuses every statement once it has ended. */
  session?: Session
}

type Schema = z.ZodMiniType
type Out<S> = S extends Schema ? z.output<S> : undefined

export interface Call<E extends Schema, B, Q, P> {
  readonly env: z.output<E>
  /** The Worker's raw bindings: Durable Objects, services, rate limits. */
  readonly bindings: Record<string, unknown>
  readonly caller: Caller
  readonly body: Out<B>
  readonly query: Out<Q>
  readonly params: Out<P>
  readonly db: Database
  readonly requestId: string
  readonly url: URL
  /** Unix seconds. */
  readonly now: number
  /** Unix milliseconds, for the wallet-signed family. */
  readonly nowMs: number
  readonly header: Header
  /**
   * Where the body says who calls, once its signature is checked: names the account in the log, and counts the call for
   * the key that signed. @throws ApiError RATE_LIMITED
   */
  proved(account: string, key: string): Promise<void>
  /**
   * Signs somebody in whose token came after the request, under the same rules and limits.
   * @throws ApiError UNAUTHORIZED, ISSUER_UNAVAILABLE, RATE_LIMITED
   */
  signIn(token: string): Promise<Caller>
  /** Keeps work going after the answer; its failure is logged and harms nobody. */
  after(work: Promise<unknown>): void
}

export interface EndpointDefinition<
  E extends Schema,
  B extends Schema | undefined,
  Q extends Schema | undefined,
  P extends Schema | undefined,
> {
  method: 'GET' | 'POST' | 'DELETE'
  /** Hono path below `/api/v1`, or from the root when `atRoot`. */
  path: string
  atRoot?: true
  summary: string
  /** What a retry does, what is locked, what is pushed: for the reference page. */
  description?: string
  tag: string
  access: Access
  /** Its variables; that of `ledger` is added. */
  env: E
  /** As whom it comes to the ledger; without one it does not. */
  ledger?: Ledger
  /** What the caller of an `admin` endpoint must hold; undefined means closed. Read here, so that no other bundle names it. */
  adminKey?: (env: z.output<E>) => string | undefined
  body?: B
  query?: Q
  params?: P
  /** Shape of the 200 answer. */
  response?: Schema
  /** Each code this endpoint can answer beside the ones every endpoint has, with when. */
  errors: Partial<Record<ErrorCode, string>>
  /** What an unexpected failure is called here. */
  internal: ErrorCode
  /** Takes an `Idempotency-Key`. */
  idempotent?: true
  /** Takes back what a thief may hold (a key, an agent, a session): counted apart, so that a flood cannot block it. */
  endsRights?: true
  /** Runs before any look at credentials or configuration: a surface that is closed must look closed to everybody. */
  gate?: (bindings: Readonly<Record<string, unknown>>) => void
  /** Answers errors in another envelope than the exchange family's. */
  renderError?: (error: unknown, requestId: string) => { response: Response; outcome: string }
  /** The errors of that other envelope, with when. */
  signedErrors?: Partial<Record<SignedErrorId, string>>
  /** A WebSocket may be opened without any credential, for one that comes over it: then `call.caller` is nobody. */
  signsInLater?: true
  /** The Authorization header of callers who cannot set one, such as a browser's WebSocket. */
  authorization?: (header: Header) => string | undefined
  /** What the reference says beyond the schemas; nothing here changes an answer. */
  docs?: EndpointDocs
  handler: (call: Call<E, B, Q, P>) => Promise<Response | object>
}

export type Header = (name: string) => string | undefined

export interface EndpointDocs {
  /** Of the answer when all is well, where it is not 200. */
  status?: number
  /** Of that answer, where it is not JSON. */
  contentType?: string
  /** Named schemas the description speaks of, such as a stream's messages. */
  schemas?: Record<string, Schema>
  /** Left out of the reference: a part of a page, not of the API. */
  hidden?: true
}

/** An endpoint with its schemas' types forgotten, as lists of endpoints hold it. */
export type Endpoint = EndpointDefinition<Schema, Schema | undefined, Schema | undefined, Schema | undefined>

export function defineEndpoint<
  E extends Schema,
  B extends Schema | undefined = undefined,
  Q extends Schema | undefined = undefined,
  P extends Schema | undefined = undefined,
>(definition: EndpointDefinition<E, B, Q, P>): Endpoint {
  const endpoint: Endpoint = definition
  const { env, ledger } = endpoint
  return ledger
    ? { ...endpoint, env: z.object({ ...(env as z.ZodMiniObject).shape, ...ledger.env }) }
    : endpoint
}

export const fullPath = (endpoint: Endpoint): string => (endpoint.atRoot ? '' : '/api/v1') + endpoint.path
