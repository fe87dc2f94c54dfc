/**
 * Asks the vault several things in one eth_call: the call carries a small program instead of naming a contract. What each
 * question came to is part of the answer, so that an address that is no vault cannot be taken for a node that does not answer.
 */
import type { Hex } from 'viem'

/**
 * The program, as EVM code. It gives back the size of the vault's code, the chain's id, and for each 36-byte call behind it two
 * words: 0 when the vault refused the call, else one more than the bytes that it answered; and the first of its words. A call
 * gets a million gas, so that a contract that burns all it gets leaves enough for the others.
 *
 *     mem[0x4c] = vault, 20 bytes               60 14 60 50 60 4c 39
 *     out[0] = extcodesize(vault)               60 40 51 3b 60 80 52
 *     out[1] = chainid                          46 60 a0 52
 *     p = first call; out = 0xc0                60 64 60 c0
 *     loop: if p >= codesize goto end           5b 38 82 10 15 60 48 57
 *       mem[0] = call, 36 bytes                 60 24 82 60 00 39
 *       ok = staticcall(1e6, mem[0x40], 0, 0x24, out + 0x20, 0x20)   60 20 81 60 20 01 60 24 60 00 60 40 51 62 0f 42 40 fa
 *       mem[out] = ok * (returndatasize + 1)    3d 60 01 01 02 81 52
 *       out += 64; p += 36; goto loop           60 40 01 90 60 24 01 90 60 16 56
 *     end: return mem[0x80 .. out]              5b 60 80 81 03 60 80 f3
 */
const PROGRAM = [
  '60146050604c39',
  '6040513b608052',
  '4660a052',
  '606460c0',
  '5b38821015604857602482600039',
  '60208160200160246000604051620f4240fa',
  '3d6001010281526040019060240190601656',
  '5b608081036080f3',
].join('')

/** First four bytes of what the vault is asked. */
export const SELECTORS = {
  releaseNonces: '9896228e',
  vaultTokenBalance: '222d176c',
  authorizationSigner: '94d2f652',
  domainSeparator: 'f698da25',
  paused: '5c975abb',
} as const

export interface VaultAnswers {
  /** Is there a contract at all? */
  code: boolean
  /** Of the chain that answered. */
  chainId: bigint
  /** The one word that each call answered; undefined where it was refused, or answered with anything else. */
  words: (bigint | undefined)[]
}
/** A selector and, where it takes one, an address. */
export type VaultCall = readonly [selector: keyof typeof SELECTORS, address?: string]

export function vaultCalls(vault: string, calls: readonly VaultCall[]): Hex {
  const data = calls.map(([name, address = '0x']) => SELECTORS[name] + address.slice(2).padStart(64, '0'))
  return `0x${PROGRAM}${vault.slice(2)}${data.join('')}`
}

/** Undefined when the answer is not what the program gives back. */
export function readVaultCalls(answer: unknown, count: number): VaultAnswers | undefined {
  const form = new RegExp(`^0x[0-9a-f]{${64 * (2 + 2 * count)}}$`, 'i')
  if (typeof answer !== 'string' || !form.test(answer)) return undefined
  const word = (at: number) => BigInt(`0x${answer.slice(2 + 64 * at, 66 + 64 * at)}`)
  const words = Array.from({ length: count }, (_, n) =>
    word(2 + 2 * n) === 33n ? word(3 + 2 * n) : undefined,
  )
  return { code: word(0) > 0n, chainId: word(1), words }
}
