/**
 * How often somebody may call, by the Workers' rate-limit bindings. They count in each location and say only yes or no,
 * so they hold back floods; what an account may own or move is decided in the ledger.
 *
 * A call is counted on its address before anything is looked at, and on an identity once that was proved: never on what
 * a caller only claims, for then anybody could use up another's calls.
 */
import type { Bindings } from './access.ts'
import { fullPath, type Endpoint } from './endpoint.ts'
import { EnvironmentError } from '../env-read.ts'
import { ApiError } from '../errors.ts'
import { BRAKED_ADDRESSES_MAX, RATES, type RateName } from '../limits.ts'

interface RateLimitBinding {
  limit(options: { key: string }): Promise<{ success: boolean }>
}
type Rated = Pick<Endpoint, 'access' | 'method'>

/** Cloudflare always names the client; calls that name none share one count, so that leaving it out gains nothing. */
const NO_ADDRESS = 'unknown'
/** Addresses that guessed too often, with the moment (ms) their brake ends. Of this isolate only. */
const braked = new Map<string, number>()

/** What a call is counted on once it is proved whose it is. */
function identityRate({ access, method }: Rated): RateName | undefined {
  const { identity } = access.rates
  return method === 'GET' ? identity?.reads : identity?.writes
}

/** Which rates an endpoint counts: its Worker needs the bindings of these names. */
export function ratesOf(endpoint: Rated): RateName[] {
  const { address, failures } = endpoint.access.rates
  const all = [address, identityRate(endpoint), failures]
  return all.filter((rate) => rate !== undefined)
}

/** The limits of one request, in the order the router asks them: address, credential, identity. */
export class RateGate {
  readonly #bindings: Bindings
  readonly #endpoint: Endpoint
  readonly #address: string

  constructor(bindings: Bindings, endpoint: Endpoint, clientIp: string | undefined) {
    this.#bindings = bindings
    this.#endpoint = endpoint
    this.#address = clientIp ? addressKey(clientIp) : NO_ADDRESS
  }

  /** Before anything is looked up. @throws ApiError RATE_LIMITED */
  async enter(carriesKey: boolean): Promise<void> {
    await this.#count(this.#endpoint.access.rates.address, this.#address)
    // A bearer token costs a hash, so a good one passes; a key costs a query, so here guessing ends.
    if (carriesKey && this.#isOn() && (braked.get(this.#address) ?? 0) > Date.now())
      throw rateLimited('RATE_AUTH_FAILURES')
  }

  /** After a credential was refused. @throws ApiError RATE_LIMITED when that was one too many */
  async authFailed(): Promise<void> {
    const { failures } = this.#endpoint.access.rates
    if (!failures) return
    try {
      await this.#count(failures, this.#address)
    } catch (error) {
      if (error instanceof ApiError) {
        if (braked.size >= BRAKED_ADDRESSES_MAX) braked.clear()
        braked.set(this.#address, Date.now() + RATES[failures].periodSeconds * 1000)
      }
      throw error
    }
  }

  /** Once it is proved whose call it is. @throws ApiError RATE_LIMITED */
  async proved(identity: string): Promise<void> {
    const rate = identityRate(this.#endpoint)
    if (!rate) return
    // A way out has a count of its own: nothing else that is done in the account's name can use it up.
    await this.#count(rate, this.#endpoint.endsRights ? `${identity} ${fullPath(this.#endpoint)}` : identity)
  }

  /** Only the word itself lifts the limits: a typo must not. */
  #isOn = (): boolean => this.#bindings.RATE_LIMITS !== 'off'

  async #count(name: RateName, key: string): Promise<void> {
    if (!this.#isOn()) return
    const binding = this.#bindings[name] as RateLimitBinding | undefined
    if (typeof binding?.limit !== 'function')
      throw new EnvironmentError(`missing rate-limit binding: ${name}`)
    if (!(await binding.limit({ key })).success) throw rateLimited(name)
  }
}

function rateLimited(name: RateName): ApiError {
  const { periodSeconds } = RATES[name]
  const headers = { 'Retry-After': String(periodSeconds) }
  return new ApiError('RATE_LIMITED', `too many calls; wait ${periodSeconds} s`, { headers })
}

/** One caller's address: all of an IPv6 /64 is one, since whoever has one of its addresses has all. */
export function addressKey(ip: string): string {
  if (!ip.includes(':')) return ip
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1]
  if (mapped) return mapped
  const [head = '', tail] = ip.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail ? tail.split(':') : []
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  const groups = [...left, ...zeros, ...right].slice(0, 4)
  return groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':') + '::/64'
}
