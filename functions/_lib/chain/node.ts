/** One node, asked over JSON-RPC in batches as large as it takes. */
import { BudgetSpent, ChainError, type ChainFault } from './fault.ts'
import { foundSize, type FoundSize } from './found-size.ts'
import { LOG_RANGE_BLOCKS_MAX, RPC_BATCH_CALLS_MAX } from '../limits.ts'

export interface RpcCall {
  method: string
  params: readonly unknown[]
}
export interface NodeOptions {
  timeoutMs: number
  /** HTTP requests made so far, a batch being one; shared by all nodes. */
  spent: { requests: number }
  /** Is there room for one request more? */
  mayAsk: () => boolean
}
export interface RpcNode {
  /** Place in RPC_URL, from 1: what a node is called where its address must not be told. */
  readonly number: number
  /** Calls of one request. */
  readonly batch: FoundSize
  /** Blocks of one eth_getLogs. */
  readonly range: FoundSize
  /**
   * The results, in the order of the calls; put the one that is most likely refused last.
   *
   * @throws ChainError when one of them fails by itself, BudgetSpent
   */
  ask(calls: readonly RpcCall[]): Promise<unknown[]>
}

export function connectNode(number: number, url: string, options: NodeOptions): RpcNode {
  const batch = foundSize(RPC_BATCH_CALLS_MAX)
  let id = 0
  const post = async (calls: readonly RpcCall[]): Promise<unknown[]> => {
    if (!options.mayAsk()) throw new BudgetSpent('no room for another request')
    options.spent.requests += 1
    const asked = calls.map((call) => ({ jsonrpc: '2.0', id: (id += 1), ...call }))
    const failed = (fault: ChainFault, at: number) => new ChainError(fault, calls[at]?.method ?? '', number)
    const answer = await send(url, calls.length === 1 ? asked[0] : asked, options.timeoutMs)
    if (typeof answer === 'string') return calls.map((_, at) => failed(answer, at))
    const replies = Array.isArray(answer.json) ? (answer.json as unknown[]) : [answer.json]
    return asked.map(({ id: wanted }, at) => {
      const result = resultOf(replies, wanted)
      return result.fault ? failed(result.fault, at) : result.value
    })
  }

  const ask = async (calls: readonly RpcCall[]): Promise<unknown[]> => {
    const answers = new Map<number, unknown>()
    const take = async (places: number[]): Promise<[number, ChainError][]> => {
      const replies = await post(places.flatMap((at) => calls[at] ?? []))
      return places.flatMap((at, n): [number, ChainError][] => {
        const reply = replies[n]
        if (reply instanceof ChainError) return [[at, reply]]
        answers.set(at, reply)
        return []
      })
    }
    // A node that answers other calls is well: it refuses this one, however it puts it.
    const own = (error: ChainError) =>
      error.fault === 'unreadable' && answers.size > 0
        ? new ChainError('refused', error.method, number)
        : error
    for (;;) {
      const open = [...calls.keys()].filter((at) => !answers.has(at))
      if (open.length === 0) return [...calls.keys()].map((at) => answers.get(at))
      const part = open.slice(0, batch.now)
      const failed = await take(part)
      const last = failed.at(-1)
      if (!last) {
        batch.worked(part.length)
        continue
      }
      if (last[1].fault === 'slow') batch.refused(part.length)
      if (part.length === 1 || last[1].fault === 'slow' || last[1].fault === 'down') throw own(last[1])
      // The wording tells nothing: whether a call is refused or the batch, the calls tell when they are asked alone.
      for (const at of new Set([failed[0]?.[0] ?? last[0], last[0]])) {
        const [alone] = await take([at])
        if (alone) throw own(alone[1])
      }
      batch.refused(part.length)
      batch.worked(1)
    }
  }
  return { number, batch, range: foundSize(LOG_RANGE_BLOCKS_MAX), ask }
}

/** The parsed answer, or how there is none. The status of an answer that is JSON-RPC after all tells nothing more. */
async function send(url: string, body: unknown, timeoutMs: number): Promise<{ json: unknown } | ChainFault> {
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal,
    })
    const text = await response.text()
    if (!response.ok) return 'unreadable'
    return { json: JSON.parse(text) as unknown }
  } catch (error) {
    if (error instanceof SyntaxError) return 'unreadable'
    return (error as Error).name === 'TimeoutError' ? 'slow' : 'down'
  }
}

/** Nodes answer in any order, with ids as text too; an error may have none. */
function resultOf(replies: unknown[], id: number): { fault: ChainFault } | { fault?: never; value: unknown } {
  const items = replies.filter((reply) => typeof reply === 'object' && reply !== null) as Record<
    string,
    unknown
  >[]
  const mine = items.filter((reply) => String(reply.id) === String(id))
  const [reply] = mine
  if (mine.length > 1) return { fault: 'nonsense' }
  if (!reply) {
    const forAll = items.some((item) => item.error && (item.id === null || item.id === undefined))
    return { fault: forAll || items.length === 0 ? 'refused' : 'nonsense' }
  }
  if (reply.error !== undefined && reply.error !== null) return { fault: 'refused' }
  return reply.result === undefined ? { fault: 'nonsense' } : { value: reply.result }
}
