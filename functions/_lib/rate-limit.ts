/**
 * How often somebody may call, by the Workers' rate-limit bindings. They count in each location and say only yes or no,
 * so they hold back floods; what an account may own or move is decided in the ledger.
 */
import type { Endpoint } from './endpoint.ts'
import { ApiError } from './errors.ts'
import { BRAKED_ADDRESSES_MAX, RATES, type RateName } from './limits.ts'

interface RateLimitBinding {
  limit(options: { key: string }): Promise<{ success: boolean }>
}

const LOOPBACK = '127.0.0.1'
const missing = new Set<RateName>()
/** Addresses that guessed too often, with the moment (ms) their brake ends. Of this isolate only. */
const braked = new Map<string, number>()

/** Which rates an endpoint counts: its Worker needs the bindings of these names. */
export function ratesOf(endpoint: Pick<Endpoint, 'access' | 'method'>): RateName[] {
  switch (endpoint.access) {
    case 'none':
      return ['RATE_PUBLIC']
    case 'signature':
      return ['RATE_SIGNED_ADDRESS', 'RATE_SIGNED_ACCOUNT']
    case 'admin':
      return ['RATE_AUTH_FAILURES']
    case 'session':
    case 'read':
      return [accountRate(endpoint), 'RATE_AUTH_FAILURES']
  }
}

const accountRate = (endpoint: Pick<Endpoint, 'method'>): RateName =>
  endpoint.method === 'GET' ? 'RATE_READ' : 'RATE_WRITE'

/** The limits of one request, in the order app.ts asks them: address, credential, account. */
export class RateGate {
  readonly #bindings: Record<string, unknown>
  readonly #endpoint: Endpoint
  readonly #address: string

  constructor(bindings: Record<string, unknown>, endpoint: Endpoint, clientIp: string | undefined) {
    this.#bindings = bindings
    this.#endpoint = endpoint
    this.#address = addressKey(clientIp ?? LOOPBACK)
  }

  /** Before anything is looked up. @throws ApiError RATE_LIMITED */
  async enter(carriesKey: boolean): Promise<void> {
    if (this.#endpoint.access === 'none') await this.#count('RATE_PUBLIC', this.#address)
    if (this.#endpoint.access === 'signature') await this.#count('RATE_SIGNED_ADDRESS', this.#address)
    // A bearer token costs a hash, so a good one passes; a key costs a query, so here guessing ends.
    if (carriesKey && this.#isOn() && (braked.get(this.#address) ?? 0) > Date.now())
      throw rateLimited('RATE_AUTH_FAILURES')
  }

  /** After a credential was refused. @throws ApiError RATE_LIMITED when that was one too many */
  async authFailed(): Promise<void> {
    try {
      await this.#count('RATE_AUTH_FAILURES', this.#address)
    } catch (error) {
      if (braked.size >= BRAKED_ADDRESSES_MAX) braked.clear()
      braked.set(this.#address, Date.now() + RATES.RATE_AUTH_FAILURES.periodSeconds * 1000)
      throw error
    }
  }

  /** Once it is known, or claimed, whose call it is. @throws ApiError RATE_LIMITED */
  async account(caller: string, claimed: unknown): Promise<void> {
    const { access } = this.#endpoint
    if (access === 'session' || access === 'read') await this.#count(accountRate(this.#endpoint), caller)
    if (access === 'signature' && typeof claimed === 'string' && claimed.length <= 64)
      await this.#count('RATE_SIGNED_ACCOUNT', claimed.startsWith('0x') ? claimed.toLowerCase() : claimed)
  }

  #isOn = (): boolean => this.#bindings.RATE_LIMITS !== 'off'

  async #count(name: RateName, key: string): Promise<void> {
    if (!this.#isOn()) return
    const binding = this.#bindings[name] as RateLimitBinding | undefined
    if (!binding) {
      if (!missing.has(name))
        console.warn(JSON.stringify({ level: 'warn', message: `no binding ${name}: not limited` }))
      missing.add(name)
      return
    }
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
  const [head = '', tail] = ip.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail ? tail.split(':') : []
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  const groups = [...left, ...zeros, ...right].slice(0, 4)
  return groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':') + '::/64'
}
