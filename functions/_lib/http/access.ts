/**
 * What an access is: one value that says who may call an endpoint, and brings with it all that follows from this: its
 * variables, its rate limits, its errors and their envelope, and a caller of its own type. The values stand in _lib/access,
 * _lib/signed and _lib/stream; a bundle holds the one it imports.
 */
import type * as z from 'zod/mini'
import type { Database } from '../../../db/client.ts'
import type { SessionRef } from '../../../db/session-gate.ts'
import type { ApiError } from '../errors.ts'
import type { RateName } from '../limits.ts'

export type Shape = Readonly<Record<string, z.ZodMiniType>>
export type Header = (name: string) => string | undefined
export type Bindings = Readonly<Record<string, unknown>>

/** In one word, for what is made from endpoints: OpenAPI's security, the tests that attack each of a kind. */
export type AccessKind = 'session' | 'read' | 'admin' | 'signed' | 'open'

export interface Access<Who = unknown, Id extends string = string> {
  readonly kind: AccessKind
  /** The variables it reads, by name. */
  readonly env: Shape
  readonly rates: Rates
  readonly envelope: Envelope
  /** The errors that it answers itself, each with when. */
  readonly errors: Partial<Record<Id, string>>
  /** Runs before credentials and configuration are looked at: what is closed must look closed to everybody. */
  readonly gate?: (bindings: Bindings) => void
  /** @throws ApiError why nobody, or not this caller, may call */
  identify(incoming: Incoming): Promise<Who>
}

/** On which counts a call goes. */
export interface Rates {
  /** Counted first, by the caller's address. */
  readonly address: RateName
  /** Counted once it is proved whose call it is. */
  readonly identity?: { readonly reads: RateName; readonly writes: RateName }
  /** Whether refused credentials are counted too, by address: where a credential could be guessed. */
  readonly failures?: RateName
}

/** How errors are told. */
export interface Envelope {
  /** `known` is the error as the exchange family would answer it. `outcome` is for the log. */
  render(error: unknown, known: ApiError, requestId: string): { response: Response; outcome: string }
}

/** A call before it is known whose it is. */
export interface Incoming {
  /** The endpoint's variables, parsed. */
  readonly env: object
  readonly header: Header
  /** Unix seconds. */
  readonly now: number
  /** Unix milliseconds, for the wallet-signed family. */
  readonly nowMs: number
  /** The database, by the login of the endpoint's ledger. */
  readonly db: () => Database
  /** Checked by the endpoint's schema. @throws ApiError INVALID_REQUEST and what else a body can be refused for */
  readonly body: () => Promise<unknown>
  /** Looks at a credential; one that is refused is counted. @throws ApiError what `look` throws, or RATE_LIMITED */
  readonly guess: <T>(look: () => Promise<T>) => Promise<T>
  /** Once it is proved whose call it is. @throws ApiError RATE_LIMITED */
  readonly admit: (known: Known) => Promise<void>
  /** Lets work finish when its caller hangs up: other calls may be waiting for it. */
  readonly keep: (work: Promise<unknown>) => void
}

/** What the router must know of a caller. */
export interface Known {
  /** For the log. */
  readonly account?: string
  /** What the rate limits count. Credentials of one account are counted apart: one that leaked must not use up the rest. */
  readonly countedAs: string
  /** The session of the call: every statement is refused once it has ended. */
  readonly session?: SessionRef
  /** Called when the ledger says that the session has ended. */
  readonly ended?: () => void
}
