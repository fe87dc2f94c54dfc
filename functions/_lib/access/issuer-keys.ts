/**
 * The public keys of the other issuer, as its JWKS address publishes them. Whatever that address does, a request waits a
 * few seconds at most, and callers without a good token cannot make us ask it more often than the limits say.
 */
import { createLocalJWKSet, type JWK, type JWTVerifyGetKey } from 'jose'
import { OwnError } from '../../../db/errors.ts'
import { ApiError } from '../errors.ts'
import {
  JWKS_BYTES_MAX,
  JWKS_COOL_DOWN_SECONDS,
  JWKS_FRESH_SECONDS,
  JWKS_TIMEOUT_MS,
  JWKS_TRUSTED_SECONDS,
} from '../limits.ts'

/** What is wrong with the address or with what it answered; never what it said. */
export class IssuerFault extends OwnError {
  override readonly name = 'IssuerFault'
  constructor(
    readonly code: 'unreachable' | 'timeout' | 'too_large' | 'not_json' | 'no_keys' | `status_${number}`,
  ) {
    super(code)
  }
}

/** Lets work go on although the request that began it is over. */
export type Keep = (work: Promise<unknown>) => void

export interface KeySet {
  find: JWTVerifyGetKey
  /** Unix seconds. */
  readAt: number
}

export class IssuerKeys {
  #known: KeySet | undefined
  #reading: Promise<KeySet> | undefined
  /** Unix seconds of the last read that failed, and of the last one made for a key that was not there. */
  #failedAt = Number.NEGATIVE_INFINITY
  #missedAt = Number.NEGATIVE_INFINITY

  constructor(private readonly url: string) {}

  /**
   * The keys to verify with at `now` (unix seconds). A read that fails is made up for by keys that are young enough.
   * @throws ApiError ISSUER_UNAVAILABLE
   */
  async current(now: number, keep: Keep): Promise<KeySet> {
    if (this.#known && now < this.#known.readAt + JWKS_FRESH_SECONDS) return this.#known
    const fault = this.#isCooling(now) ? undefined : await this.#read(now, keep)
    if (this.#known && now < this.#known.readAt + JWKS_TRUSTED_SECONDS) return this.#known
    throw this.#unavailable(now, fault)
  }

  /**
   * Other keys than `used`, where a token's key is none of them: it may have been published since. Undefined when they
   * were looked for a moment ago.
   * @throws ApiError ISSUER_UNAVAILABLE: nobody can say now whether there is such a key
   */
  async otherThan(used: KeySet, now: number, keep: Keep): Promise<KeySet | undefined> {
    if (this.#known === used) {
      if (this.#isCooling(now)) throw this.#unavailable(now, undefined)
      if (!this.#reading && now < this.#missedAt + JWKS_COOL_DOWN_SECONDS) return undefined
      this.#missedAt = now
      const fault = await this.#read(now, keep)
      if (fault) throw this.#unavailable(now, fault)
    }
    return this.#known === used ? undefined : this.#known
  }

  #isCooling = (now: number): boolean => now < this.#failedAt + JWKS_COOL_DOWN_SECONDS

  #unavailable(now: number, cause: IssuerFault | undefined): ApiError {
    const seconds = Math.min(
      JWKS_COOL_DOWN_SECONDS,
      Math.max(1, this.#failedAt + JWKS_COOL_DOWN_SECONDS - now),
    )
    return new ApiError(
      'ISSUER_UNAVAILABLE',
      'the keys of the token’s issuer cannot be read now; try again',
      {
        headers: { 'Retry-After': String(seconds) },
        cause,
      },
    )
  }

  /** One read for all who need it at the moment. Gives what went wrong instead of throwing it. */
  async #read(now: number, keep: Keep): Promise<IssuerFault | undefined> {
    if (!this.#reading) {
      this.#reading = fetchKeys(this.url, now)
      // Whoever asked first may hang up, and the others still wait.
      keep(this.#reading.catch(() => undefined))
    }
    const reading = this.#reading
    try {
      // Should the read be cut off with its request all the same, it never ends: each who waits has a limit of its own.
      this.#known = await withinTime(reading)
      return undefined
    } catch (error) {
      this.#failedAt = now
      if (error instanceof IssuerFault) return error
      return new IssuerFault((error as Error).name === 'TimeoutError' ? 'timeout' : 'unreachable')
    } finally {
      if (this.#reading === reading) this.#reading = undefined
    }
  }
}

async function withinTime<T>(work: Promise<T>): Promise<T> {
  const late = AbortSignal.timeout(JWKS_TIMEOUT_MS)
  return await new Promise<T>((resolve, reject) => {
    late.addEventListener('abort', () => reject(new IssuerFault('timeout')))
    work.then(resolve, reject)
  })
}

/** @throws IssuerFault, or whatever the network throws */
async function fetchKeys(url: string, readAt: number): Promise<KeySet> {
  const response = await fetch(url, {
    headers: { Accept: 'application/json, application/jwk-set+json' },
    // A redirect could lead to anybody's keys.
    redirect: 'manual',
    signal: AbortSignal.timeout(JWKS_TIMEOUT_MS),
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new IssuerFault(`status_${response.status}`)
  }
  const keys = verifyingKeys(await boundedText(response))
  if (keys.length === 0) throw new IssuerFault('no_keys')
  return { find: createLocalJWKSet({ keys }), readAt }
}

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader()
  for (;;) {
    const part = await reader?.read()
    if (!part || part.done) return text + decoder.decode()
    bytes += part.value.byteLength
    if (bytes > JWKS_BYTES_MAX) {
      await reader?.cancel()
      throw new IssuerFault('too_large')
    }
    text += decoder.decode(part.value, { stream: true })
  }
}

/** Of a kind that a secret is not. `EdDSA` and `Ed25519` are two names of one algorithm, so such a key goes by both. */
function verifyingKeys(text: string): JWK[] {
  let keys: unknown
  try {
    keys = (JSON.parse(text) as { keys?: unknown } | null)?.keys
  } catch {
    throw new IssuerFault('not_json')
  }
  if (!Array.isArray(keys)) throw new IssuerFault('no_keys')
  return (keys as (JWK | null)[]).flatMap((key) => {
    if (key?.kty === 'RSA' || key?.kty === 'EC') return [key]
    if (key?.kty !== 'OKP') return []
    const { alg, ...rest } = key
    return [alg === 'EdDSA' || alg === 'Ed25519' ? rest : key]
  })
}
