import type { Push } from '../../../db/client.ts'

/** Readings of an account's balances, one at a time: however many sockets subscribe at once, the ledger is asked twice. */
export class SharedReading {
  #reading: Promise<Push[]> | undefined
  #nextReading: Promise<Push[]> | undefined

  constructor(private readonly read: (account: string) => Promise<Push[]>) {}

  /** A waiter gets a reading that begins after it came: only that has all it missed. */
  async of(account: string): Promise<Push[]> {
    if (!this.#reading) return await this.#begin(account)
    this.#nextReading ??= this.#reading
      .catch(() => undefined)
      .then(async () => {
        this.#nextReading = undefined
        return await this.#begin(account)
      })
    return await this.#nextReading
  }

  async #begin(account: string): Promise<Push[]> {
    const reading = this.read(account)
    this.#reading = reading
    try {
      return await reading
    } finally {
      if (this.#reading === reading) this.#reading = undefined
    }
  }
}
