/** The ledger's witness in this process: his Durable Object, over storage that is a map. */
import { NOTHING_SEEN, type Memory, type Witness } from '../../functions/_lib/witness/witness.ts'
import { LedgerWitness, witnessOf, type WitnessStorage } from '../../functions/_lib/witness/object.ts'

/** As much of a Durable Object's storage as the witness uses, and as much of it in one call as Cloudflare takes. */
function mapStorage() {
  const values = new Map<string, unknown>()
  const together = (keys: string[]): string[] => {
    if (keys.length > 128) throw new RangeError('Maximum number of keys is 128.')
    return keys
  }
  const storage = {
    get: async (key: string | string[]) =>
      await Promise.resolve(
        Array.isArray(key)
          ? new Map(
              together(key).flatMap((one) => (values.has(one) ? [[one, values.get(one)] as const] : [])),
            )
          : values.get(key),
      ),
    put: async (key: string, value: unknown) => await Promise.resolve(void values.set(key, value)),
    list: async ({ prefix, end, limit }: { prefix: string; end: string; limit: number }) => {
      const keys = [...values.keys()].filter((key) => key.startsWith(prefix) && key < end).sort()
      return await Promise.resolve(new Map(keys.slice(0, limit).map((key) => [key, values.get(key)])))
    },
    delete: async (keys: string[]) =>
      await Promise.resolve(together(keys).filter((key) => values.delete(key)).length),
  }
  return { values, storage: storage as WitnessStorage }
}

/** A binding of the witness; `values` is what he keeps. */
export function witnessBinding() {
  const { values, storage } = mapStorage()
  const object = new LedgerWitness({ storage })
  const fetch = async (url: string, init?: RequestInit) => await object.fetch(new Request(url, init))
  return { values, idFromName: (name: string) => name, get: () => ({ fetch }) }
}

export function memoryWitness(): Witness & { state: Memory; values: Map<string, unknown>; down: boolean } {
  const { values, ...WITNESS } = witnessBinding()
  const real = WITNESS.get
  const witness = {
    ...witnessOf({
      WITNESS: {
        ...WITNESS,
        get: () => {
          if (witness.down) throw new Error('the witness is down')
          return real()
        },
      },
    }),
    values,
    /** Nobody answers. */
    down: false,
    get state() {
      return (values.get('seen') ?? NOTHING_SEEN) as Memory
    },
    set state(memory: Memory) {
      values.set('seen', memory)
    },
  }
  return witness
}
