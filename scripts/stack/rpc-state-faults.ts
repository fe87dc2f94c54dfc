/** A node whose state is not the chain's: it answers other counters and holdings than the vault has. */
import type { FaultContext, RpcCall, RpcReply } from './rpc-faults.ts'

const RELEASE_NONCES = '9896228e'
const VAULT_TOKEN_BALANCE = '222d176c'
/** A call to the vault as programs carry it: a selector and a word. */
const CALL_LENGTH = 72

/** The answer to `eth_call`, of what asks for counters or holdings by a plain call or by a program that makes them. */
export function stateFault(call: RpcCall, honest: RpcReply, { faults, hit }: FaultContext): RpcReply {
  const { data, input = data ?? '' } = (call.params?.[0] ?? {}) as { data?: string; input?: string }
  const { result } = honest
  if (typeof result !== 'string') return honest
  const last = input.slice(-CALL_LENGTH)
  if (faults.holdingsShort > 0 && last.startsWith(VAULT_TOKEN_BALANCE)) {
    hit('holdingsShort')
    // Two words, then two for each call: its size and what it answered.
    const calls = Math.floor((result.length - 2) / 64 - 2) / 2
    const asks = (n: number) => input.slice(-CALL_LENGTH * (calls - n)).startsWith(VAULT_TOKEN_BALANCE)
    const held = (at: number) => at > 2 && at % 2 === 1 && asks((at - 3) / 2)
    return { ...honest, result: changed(result, held, -BigInt(faults.holdingsShort)) }
  }
  const many = input.startsWith(`0x63${RELEASE_NONCES}`)
  if (faults.counterAhead === 0 || !(many || last.startsWith(RELEASE_NONCES))) return honest
  hit('counterAhead')
  const words = result.length / 64
  const ahead = BigInt(faults.counterAhead)
  faults.counterAheadCalls -= 1
  if (faults.counterAheadCalls === 0) faults.counterAhead = 0
  return { ...honest, result: changed(result, (at) => many || at === Math.floor(words) - 1, ahead) }
}

/** The words of an answer, some of them changed by this much. */
function changed(result: string, which: (at: number) => boolean, by: bigint): string {
  const words = result.slice(2).match(/.{64}/g) ?? []
  const told = words.map((word, at) =>
    which(at)
      ? BigInt.asUintN(256, BigInt(`0x${word}`) + by)
          .toString(16)
          .padStart(64, '0')
      : word,
  )
  return `0x${told.join('')}`
}
