import type { RpcCall, RpcReply } from './rpc-faults.ts'

interface Waiting {
  call: RpcCall
  resolve: (reply: RpcReply | Promise<RpcReply>) => void
  reject: (error: unknown) => void
}

/** The node behind the proxy. Calls of one moment, as those of a batch are, go to it in one request. */
export function upstreamOf(target: string): (call: RpcCall) => Promise<RpcReply> {
  let waiting: Waiting[] = []
  const flush = async (): Promise<void> => {
    const asked = waiting
    waiting = []
    try {
      const replies = await together(asked.map(({ call }) => call))
      // What is missing in a batch the node did not understand: alone it says why.
      asked.forEach(({ call, resolve }, at) => resolve(replies[at] ?? alone(call)))
    } catch (error) {
      for (const { reject } of asked) reject(error)
    }
  }
  const alone = async (call: RpcCall) => (await send(target, { jsonrpc: '2.0', ...call })) as RpcReply
  /** Under ids of our own: a caller's need not differ. */
  const together = async (calls: RpcCall[]): Promise<(RpcReply | undefined)[]> => {
    if (calls.length === 1) return [await alone(calls[0]!)]
    const numbered = calls.map((call, id) => ({ jsonrpc: '2.0', ...call, id }))
    const replies = [(await send(target, numbered)) as RpcReply | RpcReply[]].flat()
    const byId = new Map(replies.map((reply) => [reply.id, reply]))
    return calls.map(({ id }, at) => {
      const reply = byId.get(at)
      return reply && { ...reply, id }
    })
  }
  return async (call) =>
    await new Promise((resolve, reject) => {
      if (waiting.push({ call, resolve, reject }) === 1) setImmediate(() => void flush())
    })
}

async function send(target: string, body: unknown): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  return await (await fetch(target, { method: 'POST', headers, body: JSON.stringify(body) })).json()
}
