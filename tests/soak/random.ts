/** One seed, one run of choices: whoever chooses has a stream of its own, so that nobody's timing changes another's choices. */
import { keccak256, toHex, type Hex } from 'viem'
import { randomFrom, type Random } from '../../scripts/stack/random.ts'

export type { Random }

const hashOf = (seed: number, who: string): Hex => keccak256(toHex(`soak ${seed} ${who}`))

export const streamOf = (seed: number, who: string): Random =>
  randomFrom(Number(hashOf(seed, who).slice(0, 10)))

/** 32 bytes below the curve's order, but for one seed in 2^128. */
export const privateKeyOf = (seed: number, who: string): Hex => hashOf(seed, `key of ${who}`)

export const below = (random: Random, n: number): number => Math.floor(random() * n)

export const between = (random: Random, from: number, to: number): number => from + random() * (to - from)

export const oneOf = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)]!

/** A seed for somebody who has a generator of their own. */
export const seedFrom = (random: Random): number => below(random, 2 ** 31)

export function uuidFrom(random: Random): string {
  const hex = Array.from({ length: 32 }, () => below(random, 16).toString(16)).join('')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20),
  ].join('-')
}

/** By weight: the weights need not sum to anything. */
export function weighted<T extends string>(random: Random, weights: Record<T, number>): T {
  const entries = Object.entries(weights) as [T, number][]
  let left = random() * entries.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [name, weight] of entries) {
    if (left < weight) return name
    left -= weight
  }
  return entries.at(-1)![0]
}
