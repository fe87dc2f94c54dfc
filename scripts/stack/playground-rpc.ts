/** The local chain's node as the wallet of a development account: it holds the keys, and signs with them when asked. */
import type { Manifest } from './manifest.ts'

/** What a wallet in a browser answers. Nothing that changes the chain but a transaction, and nothing of `anvil_*`. */
const METHODS = new Set([
  ...[
    'eth_chainId',
    'eth_blockNumber',
    'eth_getBlockByNumber',
    'eth_call',
    'eth_estimateGas',
    'eth_gasPrice',
  ],
  ...['eth_maxPriorityFeePerGas', 'eth_feeHistory', 'eth_getTransactionCount', 'eth_getTransactionReceipt'],
  ...['eth_getTransactionByHash', 'eth_getBalance', 'eth_getCode'],
  ...['personal_sign', 'eth_signTypedData_v4', 'eth_sendTransaction'],
])

/** @throws Error when the node does not answer */
export async function forwardRpc(
  { rpcUrl }: Manifest,
  { method, params = [] }: Record<string, unknown>,
): Promise<unknown> {
  if (typeof method !== 'string' || !METHODS.has(method))
    return { error: { code: -32_601, message: 'the development account’s wallet has no such method' } }
  const response = await fetch(rpcUrl, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const { result, error } = (await response.json()) as { result?: unknown; error?: unknown }
  return error === undefined ? { result } : { error }
}
