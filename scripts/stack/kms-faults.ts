import * as z from 'zod'

/** Without either limit a fault holds until the next change. */
const limits = {
  /** For the next so many requests only. */
  calls: z.int().positive().optional(),
  /** Each request has it with this probability. */
  probability: z.number().min(0).max(1).optional(),
}

export const Fault = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('slow'), ms: z.int().min(0).max(600_000), ...limits }),
  z.strictObject({
    kind: z.literal('garbage'),
    /** What is wrong with the 200: bytes that are no DER, no base64, no JSON, or no signature at all. */
    shape: z.enum(['der', 'base64', 'json', 'empty']).optional(),
    ...limits,
  }),
  z.strictObject({
    /** `stall` sends the head and half of the body, then nothing; `cut` closes the connection there. */
    kind: z.enum(['throttle', 'down', 'hang', 'stall', 'cut', 'wrongKey', 'error500']),
    ...limits,
  }),
])

export type Fault = z.infer<typeof Fault>

/** Decides, request by request, what goes wrong. With the same seed and requests, the same things do. */
export class FaultPlan {
  #rules: { fault: Fault; left: number }[] = []
  #random = randomFrom(0)
  seed = 0

  set(faults: Fault[], seed = Math.floor(Math.random() * 2 ** 32)): void {
    this.#rules = faults.map((fault) => ({ fault, left: fault.calls ?? Infinity }))
    this.#random = randomFrom(seed)
    this.seed = seed
  }

  /** Those still in force. */
  get faults(): Fault[] {
    return this.#rules.filter((rule) => rule.left > 0).map((rule) => rule.fault)
  }

  /** What the next request suffers: all delays added up, and the first other fault. */
  next(): { delayMs: number; fault: Exclude<Fault, { kind: 'slow' }> | undefined } {
    const struck = this.#rules.filter((rule) => this.#strikes(rule)).map((rule) => rule.fault)
    const delayMs = struck.reduce((sum, fault) => sum + (fault.kind === 'slow' ? fault.ms : 0), 0)
    return { delayMs, fault: struck.find((fault) => fault.kind !== 'slow') }
  }

  #strikes(rule: { fault: Fault; left: number }): boolean {
    if (rule.left <= 0) return false
    rule.left -= 1
    return this.#random() < (rule.fault.probability ?? 1)
  }
}

/** mulberry32: small, seedable, and good enough to pick which request fails. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
