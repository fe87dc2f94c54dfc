/** Who remembers outside Postgres what was in the ledger last: a database that was set back has lost some of it. */
import type { Seen } from '../../../db/ledger/restores.ts'
import { WITNESS_RESERVATIONS_MAX, WITNESS_SIGNATURE_SECONDS } from '../limits.ts'

export interface Witness {
  seen(): Promise<Seen>
  /** @param mark of a run that has found in the ledger all that was seen, or has told that it is lost */
  remember(mark: string, signer: string): Promise<void>
  /** Adds a reservation that was committed and is being signed. @returns what was seen before it */
  addReservation(id: string, signer: string): Promise<Seen>
  /** Keeps a signature. Only what is kept may be stored in the ledger: from there it leaves. */
  keepSignature(id: string, signature: string): Promise<void>
  /** The ledger has committed that signature for certain. */
  addSigned(id: string): Promise<void>
  /** Those that were kept of these withdrawals, by id. */
  signaturesOf(ids: string[]): Promise<Record<string, string>>
}
export type News =
  { mark: string; signer: string } | { reservation: string; signer: string } | { signed: string }
export interface Memory extends Omit<Seen, 'signers'> {
  /** When each was told last: milliseconds. */
  signers: Record<string, number>
}
export const NOTHING_SEEN: Memory = { mark: null, signers: {}, reserved: [], signed: [] }

const withNewest = (ids: string[], id: string): string[] => [...ids, id].slice(-WITNESS_RESERVATIONS_MAX)

export function withNews(memory: Memory, news: News): Memory {
  if ('signed' in news) return { ...memory, signed: withNewest(memory.signed, news.signed) }
  const signers = { ...memory.signers, [news.signer]: Date.now() }
  if ('mark' in news) return { ...memory, signers, mark: news.mark }
  return { ...memory, signers, reserved: withNewest(memory.reserved, news.reservation) }
}

/** A signer whose last signature is past its deadline no longer matters. */
export const seenOf = ({ signers, ...memory }: Memory): Seen => ({
  ...memory,
  signers: Object.keys(signers).filter(
    (signer) => Date.now() - (signers[signer] ?? 0) < WITNESS_SIGNATURE_SECONDS * 1000,
  ),
})
