/** A node whose state is not the chain's: it answers another counter of an account than the vault has. */
import type { FaultContext, RpcCall, RpcReply } from './rpc-faults.ts'

const RELEASE_NONCES = '9896228e'

/** The last word of what asks for one counter, whether by a plain call or by a program that makes it. */
export function counterFault(call: RpcCall, honest: RpcReply, { faults, hit }: FaultContext): RpcReply {
  const { data, input = data } = (call.params?.[0] ?? {}) as { data?: string; input?: string }
  const asks = input?.slice(-72).startsWith(RELEASE_NONCES)
  if (!asks || typeof honest.result !== 'string') return honest
  hit('counterAhead')
  const counter = BigInt(`0x${honest.result.slice(-64)}`) + BigInt(faults.counterAhead)
  faults.counterAheadCalls -= 1
  if (faults.counterAheadCalls === 0) faults.counterAhead = 0
  return { ...honest, result: `${honest.result.slice(0, -64)}${counter.toString(16).padStart(64, '0')}` }
}
