/** What the local stack alone offers: development accounts, the chain's clock, the operator's view. */
import type { ChainState } from '../stack/playground-chain.ts'
import type { OperatorView } from '../stack/playground-operator.ts'
import type { Playground } from '../stack/playground.ts'
import { ApiFailure } from './api.ts'
import type { Provider } from './provider.ts'

export type { ChainState, OperatorView, Playground }

async function ask<T>(path: string, body?: object): Promise<T> {
  const sent = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  }
  const response = await fetch(path, body === undefined ? {} : sent)
  const answer = (await response.json()) as T & { error?: string; message?: string }
  if (response.ok) return answer
  throw new ApiFailure(response.status, answer.error ?? '', null, answer.message ?? 'it did not work')
}

/** Undefined where the page was not served by a local stack. */
export async function findPlayground(): Promise<Playground | undefined> {
  const response = await fetch('/playground.json').catch(() => undefined)
  return response?.ok ? ((await response.json()) as Playground) : undefined
}

export const readChain = async (): Promise<ChainState> => await ask('/playground/chain')
export const mineBlocks = async (): Promise<ChainState> => await ask('/playground/mine', {})
export const moveAnHour = async (): Promise<ChainState> => await ask('/playground/hour', {})
export const settleNow = async (): Promise<Record<string, unknown>> => await ask('/playground/settle', {})
export const readOperator = async (): Promise<OperatorView> => await ask('/playground/operator')
export const switchPause = async (paused: boolean, why: string): Promise<OperatorView> =>
  await ask('/playground/pause', { paused, why })

/** A development account as a wallet: the chain's node holds its key, and the page never sees it. */
export function developmentProvider(account: string): Provider {
  const request = async ({ method, params }: { method: string; params?: unknown }): Promise<unknown> => {
    if (method === 'eth_requestAccounts' || method === 'eth_accounts') return [account]
    const { result, error } = await ask<{ result?: unknown; error?: { code: number; message: string } }>(
      '/playground/rpc',
      { method, params: params ?? [] },
    )
    if (error === undefined) return result
    throw Object.assign(new Error(error.message), error)
  }
  const ignore = () => undefined
  return { request, on: ignore, removeListener: ignore } as unknown as Provider
}
