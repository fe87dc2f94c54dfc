/** The ledger's witness: one Durable Object, settle's. Only a binding reaches it. */
import * as z from 'zod/mini'
import { OwnError } from '../../../db/errors.ts'
import type { Seen } from '../../../db/ledger/restores.ts'
import { EnvironmentError } from '../env-read.ts'
import { NOTHING_SEEN, seenOf, withNews, type Memory, type News, type Witness } from './witness.ts'
import {
  WITNESS_FORGETS_MAX,
  WITNESS_KEYS_TOGETHER,
  WITNESS_SIGNATURE_SECONDS,
  WITNESS_TIMEOUT_MS,
} from '../limits.ts'

/** As much of Cloudflare's objects as is used here, so that tests can have an object of their own. */
export interface WitnessStorage {
  get(key: string): Promise<unknown>
  get(keys: string[]): Promise<Map<string, unknown>>
  put(key: string, value: unknown): Promise<void>
  list(options: { prefix: string; end: string; limit: number }): Promise<Map<string, unknown>>
  delete(keys: string[]): Promise<number>
}
interface Objects {
  idFromName(name: string): unknown
  get(id: unknown): { fetch(url: string, init?: RequestInit): Promise<Response> }
}

type Told = News | { of: string; signature: string } | { find: string[] }

const seenSchema = z.object({
  mark: z.nullable(z.uuid()),
  signers: z.array(z.string()),
  reserved: z.array(z.uuid()),
  signed: z.array(z.uuid()),
})
const signaturesSchema = z.record(z.uuid(), z.string())

const SIGNATURES = 'signature '
/** Ids are uuid v7, so their order is that of time: below this key stands what is older than any deadline. */
function firstKept(): string {
  const hex = (Date.now() - WITNESS_SIGNATURE_SECONDS * 1000).toString(16).padStart(12, '0')
  return `${SIGNATURES}${hex.slice(0, 8)}-${hex.slice(8)}`
}

export class LedgerWitness {
  constructor(private readonly state: { storage: WitnessStorage }) {}

  /** Answers what was seen before the news, or what is asked for. No answer leaves before what was told is stored. */
  async fetch(request: Request): Promise<Response> {
    const { storage } = this.state
    const told = request.method === 'POST' ? ((await request.json()) as Told) : undefined
    if (told && 'find' in told) return Response.json(await this.#signaturesOf(told.find))
    if (told && 'of' in told) {
      await storage.put(SIGNATURES + told.of, told.signature)
      return Response.json({})
    }
    // Nothing comes in between the two: while storage works no other event is let in.
    const memory = { ...NOTHING_SEEN, ...((await storage.get('seen')) as Memory | undefined) }
    if (told) await storage.put('seen', withNews(memory, told))
    if (told && 'mark' in told) await this.#forgetOld()
    return Response.json(seenOf(memory))
  }

  async #signaturesOf(ids: string[]): Promise<Record<string, string>> {
    const found: Record<string, string> = {}
    for (let at = 0; at < ids.length; at += WITNESS_KEYS_TOGETHER) {
      const keys = ids.slice(at, at + WITNESS_KEYS_TOGETHER).map((id) => SIGNATURES + id)
      for (const [key, signature] of await this.state.storage.get(keys))
        found[key.slice(SIGNATURES.length)] = signature as string
    }
    return found
  }

  /** What is left over for the next mark only takes room: nothing that could still be paid is ever old. */
  async #forgetOld(): Promise<void> {
    const { storage } = this.state
    const old = await storage.list({ prefix: SIGNATURES, end: firstKept(), limit: WITNESS_FORGETS_MAX })
    const keys = [...old.keys()]
    for (let at = 0; at < keys.length; at += WITNESS_KEYS_TOGETHER)
      await storage.delete(keys.slice(at, at + WITNESS_KEYS_TOGETHER))
  }
}

/** @throws EnvironmentError without the binding: nothing would notice that the ledger was set back */
export function witnessOf(bindings: { readonly WITNESS: unknown }): Witness {
  const objects = bindings.WITNESS as Objects | undefined
  if (!objects) throw new EnvironmentError('missing binding: WITNESS')
  const ask = async (told?: Told): Promise<unknown> => {
    const object = objects.get(objects.idFromName('ledger'))
    const body = told && { method: 'POST', body: JSON.stringify(told) }
    const signal = AbortSignal.timeout(WITNESS_TIMEOUT_MS)
    try {
      const response = await object.fetch('https://witness/', { ...body, signal })
      if (!response.ok) throw new OwnError(`the ledger's witness answered ${response.status}`)
      return await response.json()
    } catch (cause) {
      if (cause instanceof OwnError) throw cause
      // What the runtime says of a failed object names nobody, so the log would not tell whose failure it was.
      const slow = (cause as Error).name === 'TimeoutError'
      throw new OwnError(`the ledger's witness ${slow ? 'did not answer in time' : 'failed'}`, { cause })
    }
  }
  const seen = async (news?: News): Promise<Seen> => seenSchema.parse(await ask(news))
  return {
    seen: async () => await seen(),
    remember: async (mark, signer) => void (await seen({ mark, signer })),
    addReservation: async (reservation, signer) => await seen({ reservation, signer }),
    keepSignature: async (of, signature) => void (await ask({ of, signature })),
    addSigned: async (signed) => void (await seen({ signed })),
    signaturesOf: async (ids) => signaturesSchema.parse(await ask({ find: ids })),
  }
}
