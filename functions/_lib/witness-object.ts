/** The ledger's witness: one Durable Object, settle's. Only a binding reaches it. */
import * as z from 'zod/mini'
import { OwnError } from '../../db/errors.ts'
import type { Seen } from '../../db/ledger/restores.ts'
import { EnvironmentError } from './env.ts'
import { NOTHING_SEEN, withNews, type News, type Witness } from './ledger-witness.ts'
import { WITNESS_TIMEOUT_MS } from './limits.ts'

const seenSchema = z.object({
  mark: z.nullable(z.uuid()),
  signer: z.nullable(z.string()),
  reserved: z.array(z.uuid()),
})

export class LedgerWitness {
  constructor(private readonly state: DurableObjectState) {}

  /** Answers what was seen before the news. */
  async fetch(request: Request): Promise<Response> {
    const news: News | undefined = request.method === 'POST' ? await request.json() : undefined
    // Nothing comes in between the two: while storage works no other event is let in.
    const seen = (await this.state.storage.get<Seen>('seen')) ?? NOTHING_SEEN
    if (news) await this.state.storage.put('seen', withNews(seen, news))
    return Response.json(seen)
  }
}

/** @throws EnvironmentError without the binding: nothing would notice that the ledger was set back */
export function witnessOf(bindings: Record<string, unknown>): Witness {
  const objects = bindings.WITNESS as DurableObjectNamespace | undefined
  if (!objects) throw new EnvironmentError('missing binding: WITNESS')
  const ask = async (news?: News): Promise<Seen> => {
    const object = objects.get(objects.idFromName('ledger'))
    const body = news && { method: 'POST', body: JSON.stringify(news) }
    const signal = AbortSignal.timeout(WITNESS_TIMEOUT_MS)
    const response = await object.fetch('https://witness/', { ...body, signal })
    if (!response.ok) throw new OwnError(`the ledger's witness answered ${response.status}`)
    return seenSchema.parse(await response.json())
  }
  return {
    seen: async () => await ask(),
    remember: async (mark, signer) => void (await ask({ mark, signer })),
    addReservation: async (reservation) => await ask({ reservation }),
  }
}
