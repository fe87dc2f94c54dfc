/**
 * Asks the vault many things in one eth_call: the call carries the program of VaultReader.sol instead of naming a contract. So
 * nothing has to be deployed, a node is asked twice, not a thousand times, for a thousand accounts, and an address that is no
 * vault cannot be taken for a node that does not answer.
 */
import { concatHex, encodeAbiParameters, padHex, type Address, type Hex } from 'viem'
import { VAULT_READER } from './vault-reader.ts'

/** First four bytes of what the vault is asked. */
export const SELECTORS = {
  releaseNonces: '0x9896228e',
  vaultTokenBalance: '0x222d176c',
  authorizationSigner: '0x94d2f652',
  domainSeparator: '0xf698da25',
  paused: '0x5c975abb',
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

/** The `data` of an eth_call that names no contract. At most VAULT_CALLS_MAX, so that no node's limits are met. */
export function vaultCalls(vault: string, calls: readonly VaultCall[]): Hex {
  const packed = calls.flatMap(([name, address = '0x']) => [SELECTORS[name], padHex(address as Hex)])
  const values = [vault as Address, concatHex(packed)] as const
  return concatHex([VAULT_READER, encodeAbiParameters([{ type: 'address' }, { type: 'bytes' }], values)])
}

/** Undefined when the answer is not what the program gives back. */
export function readVaultCalls(answer: unknown, count: number): VaultAnswers | undefined {
  const form = new RegExp(`^0x[0-9a-f]{${64 * (2 + count)}}(0[01]){${count}}$`, 'i')
  if (typeof answer !== 'string' || !form.test(answer)) return undefined
  const word = (at: number) => BigInt(`0x${answer.slice(2 + 64 * at, 66 + 64 * at)}`)
  const isOne = (n: number) => answer.at(2 * (n - count) + 1) === '1'
  const words = Array.from({ length: count }, (_, n) => (isOne(n) ? word(2 + n) : undefined))
  return { code: word(0) > 0n, chainId: word(1), words }
}
