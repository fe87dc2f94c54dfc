/** The ledger's witness in this process, as his Durable Object keeps what he is told. */
import type { Seen } from '../../db/ledger/restores.ts'
import { NOTHING_SEEN, withNews, type News, type Witness } from '../../functions/_lib/ledger-witness.ts'

export function memoryWitness(): Witness & { state: Seen; down: boolean } {
  const witness = {
    state: NOTHING_SEEN,
    /** Nobody answers. */
    down: false,
    tell: async (news?: News): Promise<Seen> => {
      if (witness.down) throw new Error('the witness is down')
      const seen = witness.state
      if (news) witness.state = withNews(seen, news)
      return await Promise.resolve(seen)
    },
    seen: async () => await witness.tell(),
    remember: async (mark: string, signer: string) => void (await witness.tell({ mark, signer })),
    addReservation: async (reservation: string) => await witness.tell({ reservation }),
  }
  return witness
}
