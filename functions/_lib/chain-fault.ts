/** How a node fails, sorted by what may be concluded from it. */
import { BaseError, HttpRequestError, RpcRequestError, TimeoutError } from 'viem'

/**
 * - `down`: no answer, or none that is JSON-RPC (throttled, 5xx, cut).
 * - `slow`: no answer in time. - `refused`: the node answered with an error; nobody agrees on codes and texts.
 * - `nonsense`: an answer that contradicts itself or the question.
 */
export type ChainFault = 'down' | 'slow' | 'refused' | 'nonsense'
/** Carries no cause: a node's errors repeat its address, which often holds a key, and this one ends in a log. */
export class ChainError extends Error {
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

/** Invalid params; resource not found (EIP-1474); unknown block (geth). */
const NO_SUCH_BLOCK = new Set([-32602, -32001, -39001])
/** Nodes say anything at all under this code: there the words must name the tag. */
const SERVER_ERROR = -32000
const NO_SUCH_TAG =
  /finali[sz]ed\b.*\b(not (found|supported|available)|unsupported)|hex string without 0x prefix/i

/** Did the node answer that it has no final blocks? A failed request says nothing about that, and must not look like it. */
export function knowsNoFinalized(error: unknown): boolean {
  const answer = error instanceof BaseError && error.walk((cause) => cause instanceof RpcRequestError)
  if (!(answer instanceof RpcRequestError)) return false
  return NO_SUCH_BLOCK.has(answer.code) || (answer.code === SERVER_ERROR && NO_SUCH_TAG.test(answer.details))
}
