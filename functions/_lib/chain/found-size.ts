/** A limit of a node that nobody has told us: learned from its refusals, kept for the next run, and tested again now and then. */
import type { FoundLimit } from '../../../db/schema.ts'
import { NODE_LIMIT_RETRY_SECONDS, NODE_SIZES } from '../limits.ts'

export interface FoundSize {
  /** The size to ask for now. */
  readonly now: number
  /** Starts from what an earlier run has found. */
  adopt(found: FoundLimit | undefined): void
  /** The node refused this size. */
  refused(size: number): void
  /** The node answered this size. */
  worked(size: number): void
  /** What is worth keeping: a smaller size that was answered. A node that refused everything has shown no limit. */
  readonly kept: FoundLimit | undefined
}

const seconds = () => Math.floor(Date.now() / 1000)

export function foundSize(max: number): FoundSize {
  let kept: FoundLimit | undefined
  let now = max
  let retryAt = 0
  return {
    get now() {
      return now
    },
    get kept() {
      return kept
    },
    adopt: (found) => {
      kept = found
      now = Math.min(found?.size ?? max, max)
      retryAt = found?.retry_at ?? 0
    },
    refused: (size) => {
      now = Math.min(now, NODE_SIZES.findLast((step) => step < size) ?? 1)
      retryAt = seconds() + NODE_LIMIT_RETRY_SECONDS
    },
    worked: (size) => {
      // A limit may be gone, or was none but a bad minute: then one success after another leads back to the top.
      if (size >= now && now < max && seconds() >= retryAt)
        now = Math.min(NODE_SIZES.find((step) => step > now) ?? max, max)
      kept = now < max || kept ? { size: now, retry_at: retryAt } : undefined
    },
  }
}
