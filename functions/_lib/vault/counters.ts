/**
 * Reads the release counters of many accounts in one eth_call: the call carries a small program instead of naming a
 * contract, so nothing has to be deployed and a node is asked twice, not a thousand times, for a thousand accounts.
 */
import type { Hex } from 'viem'

/**
 * The program, as EVM code. It calls `releaseNonces(address)` of the vault for each 20-byte account behind it and gives back
 * one word an account. It reverts unless every call succeeds with exactly 32 bytes: an address without code must not
 * look like a counter of zero.
 *
 *     mem[0] = selector                         63 9896228e 60 e0 1b 60 00 52
 *     mem[0x4c] = vault, 20 bytes               60 14 60 52 60 4c 39
 *     p = first account; out = 0x80             60 66 60 80
 *     loop: if p >= codesize goto end           5b 38 82 10 15 60 44 57
 *       mem[0x10] = account, 20 bytes           60 14 82 60 10 39
 *       ok = staticcall(gas, mem[0x40], 0, 0x24, out, 0x20)   60 20 81 60 24 60 00 60 40 51 5a fa
 *       if not (ok and returndatasize == 32) goto fail        3d 60 20 14 16 15 60 4c 57
 *       out += 32; p += 20; goto loop           60 20 01 90 60 14 01 90 60 16 56
 *     end: return mem[0x80 .. out]              5b 60 80 81 03 60 80 f3
 *     fail: revert                              5b 60 00 60 00 fd
 */
const PROGRAM = [
  '639896228e60e01b60005260146052604c3960666080',
  '5b38821015604457601482601039602081602460006040515afa3d6020141615604c576020019060140190601656',
  '5b608081036080f3',
  '5b60006000fd',
].join('')

export function countersCall(vault: string, accounts: string[]): Hex {
  return `0x${PROGRAM}${[vault, ...accounts].map((address) => address.slice(2)).join('')}`
}

/** The counters in the accounts' order; undefined when the answer is not one word an account. */
export function readCounters(answer: unknown, count: number): bigint[] | undefined {
  if (typeof answer !== 'string' || !new RegExp(`^0x[0-9a-f]{${64 * count}}$`, 'i').test(answer))
    return undefined
  return Array.from({ length: count }, (_, n) => BigInt(`0x${answer.slice(2 + 64 * n, 66 + 64 * n)}`))
}
