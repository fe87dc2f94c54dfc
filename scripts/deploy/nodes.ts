/** The nodes of RPC_URL, as an operator's command asks them. Their addresses often hold keys: no message repeats them. */
import { BaseError, fallback, http } from 'viem'

/** Each in turn until one answers; the first alone where `only` says so, for what must be sent once. */
export function nodesOf(rpcUrl: string, only: 'all' | 'first' = 'all') {
  const [first = '', ...others] = rpcUrl.split(/[\s,]+/).filter((url) => url !== '')
  return fallback((only === 'first' ? [first] : [first, ...others]).map((url) => http(url)))
}

/** @throws Error in one line without an address */
export async function withoutAddresses<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof BaseError ? new Error(`the node of RPC_URL: ${error.shortMessage}`) : error
  }
}
