/**
 * An account's registration at the ledger while its stream has subscribers. It lapses there by itself, so that nothing has
 * to be undone when an object dies; here it is kept in storage, so that one that slept goes on where it was.
 */
import { STREAM_LOOK_AGAIN_MS, STREAM_RENEW_SHARE, STREAM_RETRY_MS } from '../limits.ts'

/** Milliseconds of this object's clock. */
interface Lease {
  /** When the registration lapses, or a little before. */
  endsAt: number
  renewAt: number
  /** When every movement that did not see the registration has ended: what it changed is to be read. */
  lookAt: number | undefined
}

/** What is used of a Durable Object's storage. */
interface LeaseStorage {
  get<T>(key: string): Promise<T | undefined>
  put(key: string, value: unknown): Promise<void>
}

const KEY = 'lease'

export class StreamLease {
  #registering: Promise<boolean> | undefined

  /** @param register the ledger's answer: for how many seconds */
  constructor(
    private readonly storage: LeaseStorage,
    private readonly register: (account: string) => Promise<number>,
  ) {}

  /**
   * Registers the account where that is due. Balances that are read after it are followed without a gap, but for movements
   * that were under way: see `lookAt`.
   *
   * @returns true when it had lapsed, or never been: what moved before may not have been told
   * @throws what the ledger threw; the registration may be there or not
   */
  async hold(account: string): Promise<boolean> {
    const lease = await this.#read()
    if (lease !== undefined && Date.now() < lease.renewAt) return false
    this.#registering ??= this.#renew(account).finally(() => (this.#registering = undefined))
    return await this.#registering
  }

  /** When the next thing is due; never where there is no registration. */
  async dueAt(): Promise<number> {
    const { renewAt = Infinity, lookAt = Infinity } = (await this.#read()) ?? {}
    return Math.min(renewAt, lookAt)
  }

  async lookIsDue(): Promise<boolean> {
    return Date.now() >= ((await this.#read())?.lookAt ?? Infinity)
  }

  /** What was due is read. A registration that was made meanwhile has a look of its own to come. */
  async looked(): Promise<void> {
    const lease = await this.#read()
    if (lease && (lease.lookAt ?? 0) <= Date.now())
      await this.storage.put(KEY, { ...lease, lookAt: undefined } satisfies Lease)
  }

  /** Would another try come too late? */
  async isEnding(): Promise<boolean> {
    return Date.now() + STREAM_RETRY_MS >= ((await this.#read())?.endsAt ?? 0)
  }

  async #renew(account: string): Promise<boolean> {
    const before = await this.#read()
    const askedAt = Date.now()
    const ms = (await this.register(account)) * 1000
    const now = Date.now()
    // The ledger counts from a moment after it was asked, and has committed before it answered.
    const lapsed = before === undefined || before.endsAt <= now
    await this.storage.put(KEY, {
      endsAt: askedAt + ms,
      renewAt: askedAt + ms * STREAM_RENEW_SHARE,
      lookAt: lapsed ? now + STREAM_LOOK_AGAIN_MS : before.lookAt,
    } satisfies Lease)
    return lapsed
  }

  async #read(): Promise<Lease | undefined> {
    return await this.storage.get<Lease>(KEY)
  }
}
