/** Who remembers outside Postgres what was in the ledger last: a database that was set back has lost some of it. */
import type { Seen } from '../../db/ledger/restores.ts'
import { WITNESS_RESERVATIONS_MAX } from './limits.ts'

export interface Witness {
  seen(): Promise<Seen>
  /** @param mark of a run that has found in the ledger all that was seen, or has told that it is lost */
  remember(mark: string, signer: string): Promise<void>
  /** Adds a reservation that was committed. @returns what was seen before it */
  addReservation(id: string): Promise<Seen>
}
export type News = { mark: string; signer: string } | { reservation: string }
export const NOTHING_SEEN: Seen = { mark: null, signer: null, reserved: [] }

export function withNews(seen: Seen, news: News): Seen {
  if ('mark' in news) return { ...seen, ...news }
  return { ...seen, reserved: [...seen.reserved, news.reservation].slice(-WITNESS_RESERVATIONS_MAX) }
}
