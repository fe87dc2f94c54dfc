/** A node whose state is not the chain's: it answers other counters and holdings than the vault has. */
import { decodeAbiParameters, type Hex } from 'viem'
import { SELECTORS } from '../../functions/_lib/vault/calls.ts'
import { VAULT_READER } from '../../functions/_lib/vault/vault-reader.ts'
import type { FaultContext, RpcCall, RpcReply } from './rpc-faults.ts'

/** A call to the vault as the program carries it: a selector and a word. */
const CALL = /.{72}/g
const WORD = 64

/** The answer to `eth_call`, of what asks for counters or holdings by a plain call or by the program that makes many. */
export function stateFault(call: RpcCall, honest: RpcReply, { faults, hit }: FaultContext): RpcReply {
  const { data, input = data ?? '' } = (call.params?.[0] ?? {}) as { data?: string; input?: string }
  const { result } = honest
  if (typeof result !== 'string') return honest
  const { asked, begins } = callsIn(input)
  const places = (selector: string) =>
    asked.flatMap((one, n) => (one.startsWith(selector.slice(2)) ? [begins + WORD * n] : []))
  const holdings = places(SELECTORS.vaultTokenBalance)
  if (faults.holdingsShort > 0 && holdings.length > 0) {
    hit('holdingsShort')
    return { ...honest, result: changed(result, holdings, -BigInt(faults.holdingsShort)) }
  }
  const counters = places(SELECTORS.releaseNonces)
  if (faults.counterAhead === 0 || counters.length === 0) return honest
  hit('counterAhead')
  const ahead = BigInt(faults.counterAhead)
  faults.counterAheadCalls -= 1
  if (faults.counterAheadCalls === 0) faults.counterAhead = 0
  return { ...honest, result: changed(result, counters, ahead) }
}

/** What the vault is asked, in hex digits, and where in the answer's text the first word begins that says it. */
function callsIn(input: string): { asked: string[]; begins: number } {
  if (!input.startsWith(VAULT_READER)) return { asked: [input.slice(2)], begins: 2 }
  const values: Hex = `0x${input.slice(VAULT_READER.length)}`
  const [, packed] = decodeAbiParameters([{ type: 'address' }, { type: 'bytes' }], values)
  // The size of the vault's code and the chain's id come first.
  return { asked: packed.slice(2).match(CALL) ?? [], begins: 2 + 2 * WORD }
}

/** An answer, the words at these places of it changed by this much. */
function changed(result: string, places: number[], by: bigint): string {
  return places.reduce((text, at) => {
    if (text.length < at + WORD) return text
    const word = BigInt.asUintN(256, BigInt(`0x${text.slice(at, at + WORD)}`) + by)
    return text.slice(0, at) + word.toString(16).padStart(WORD, '0') + text.slice(at + WORD)
  }, result)
}
