/** How a node fails, sorted by what may be concluded from it. */
import { BaseError, HttpRequestError, TimeoutError } from 'viem'
import { OwnError } from '../../db/errors.ts'

/**
 * - `down`: no answer, or none that is JSON-RPC (throttled, 5xx, cut).
 * - `slow`: no answer in time. - `refused`: the node answered with an error; nobody agrees on codes and texts.
 * - `nonsense`: an answer that contradicts itself or the question.
 */
export type ChainFault = 'down' | 'slow' | 'refused' | 'nonsense'
/** Carries no cause: a node's errors repeat its address, which often holds a key, and this one ends in a log. */
export class ChainError extends OwnError {
  constructor(
    readonly fault: ChainFault,
    readonly method: string,
  ) {
    super(`${method}: ${fault}`)
  }
}

export function faultOf(error: unknown): ChainFault {
  const walk = (type: new (...args: never[]) => Error) =>
    error instanceof BaseError && error.walk((cause) => cause instanceof type) !== null
  if (walk(TimeoutError)) return 'slow'
  const failed = error instanceof BaseError && error.walk((cause) => cause instanceof HttpRequestError)
  if (!failed) return 'refused'
  const { status } = failed as HttpRequestError
  // 4xx other than "too many requests" is how some nodes refuse a range; the rest is a node in trouble.
  return status !== undefined && status >= 400 && status < 500 && status !== 429 ? 'refused' : 'down'
}
