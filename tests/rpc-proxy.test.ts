import { encodeFunctionData, toHex } from 'viem'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { vaultAbi } from '../scripts/stack/contract-abi.ts'
import { startRpcProxy, type RpcProxy } from '../scripts/stack/rpc-proxy.ts'
import * as v from './support/vault.ts'

let stage: v.VaultStage
let proxy: RpcProxy
let head: number
beforeAll(async () => {
  stage = await v.startStage()
  proxy = await startRpcProxy({ target: stage.chain.rpcUrl })
  const data = encodeFunctionData({ abi: vaultAbi, functionName: 'depositNative' })
  await v.send(stage, stage.user(0), data, stage.chain.vault, 1n)
  head = Number(await stage.client.getBlockNumber({ cacheTime: 0 }))
}, 30_000)
beforeEach(() => {
  proxy.setFaults({}, 1)
  proxy.resetCounters()
})
afterAll(async () => {
  await proxy?.stop()
  await stage?.chain.stop()
})

interface Answer {
  id: number
  result?: unknown
  error?: { code: number; message: string }
}
async function post(body: unknown, path = '', signal?: AbortSignal): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  const init = { method: 'POST', headers, body: JSON.stringify(body), ...(signal && { signal }) }
  return await fetch(proxy.url + path, init)
}
const call = (method: string, params: unknown[] = [], id = 1) => ({ jsonrpc: '2.0', id, method, params })
const ask = async (method: string, params: unknown[] = []) =>
  (await (await post(call(method, params))).json()) as Answer
const logs = async (fromBlock: number, toBlock: number | 'latest') =>
  await ask('eth_getLogs', [
    {
      address: stage.chain.vault,
      fromBlock: toHex(fromBlock),
      toBlock: toBlock === 'latest' ? toBlock : toHex(toBlock),
    },
  ])

test('without faults single calls and batches pass unchanged and are counted', async () => {
  expect((await ask('eth_blockNumber')).result).toBe(toHex(head))
  const batch = (await (
    await post([call('eth_chainId', [], 7), call('eth_blockNumber', [], 8)])
  ).json()) as Answer[]
  expect(batch.map(({ id, result }) => [id, result])).toEqual([
    [7, toHex(31337)],
    [8, toHex(head)],
  ])
  const methods = { eth_blockNumber: 2, eth_chainId: 1 }
  expect(proxy.counters()).toEqual({ httpRequests: 2, methods, faults: {} })
})

test('a node that is down cuts the connection, one that hangs never answers', async () => {
  proxy.setFaults({ down: 1 })
  await expect(ask('eth_chainId')).rejects.toThrow('fetch failed')
  proxy.setFaults({ hang: 1 })
  await expect(post(call('eth_chainId'), '', AbortSignal.timeout(100))).rejects.toThrow(
    'aborted due to timeout',
  )
  expect(proxy.counters().faults).toEqual({ down: 1, hang: 1 })
})

test('a busy node answers 429, a broken one a page that is no JSON', async () => {
  proxy.setFaults({ http429: 1 })
  expect((await post(call('eth_chainId'))).status).toBe(429)
  proxy.setFaults({ garbage: 1 })
  const page = await post(call('eth_chainId'))
  expect(page.status).toBe(200)
  await expect(page.json()).rejects.toThrow()
})

test('a wrong node says it is another chain, a forgetful one has no logs', async () => {
  expect((await logs(0, 'latest')).result).not.toEqual([])
  proxy.setFaults({ wrongChainId: 1, emptyLogs: 1 })
  expect((await ask('eth_chainId')).result).toBe('0x1')
  expect((await logs(0, 'latest')).result).toEqual([])
})

test('a lagging node hides its newest blocks, and leaves their logs out without a word', async () => {
  proxy.setFaults({ staleHead: 2 })
  expect((await ask('eth_blockNumber')).result).toBe(toHex(head - 2))
  const latest = (await ask('eth_getBlockByNumber', ['latest', false])).result as { number: string }
  expect(Number(latest.number)).toBe(head - 2)
  expect((await ask('eth_getBlockByNumber', [toHex(head), false])).result).toBeNull()
  expect((await logs(head, head)).result).toEqual([])
  const balance = await ask('eth_getBalance', [stage.chain.vault, 'latest'])
  expect(balance.result).toBe('0x0')
  expect((await ask('eth_getBalance', [stage.chain.vault, toHex(head)])).error?.code).toBe(-32000)
})

test('a range over the limit is refused as real nodes do, one at the limit is answered', async () => {
  proxy.setFaults({ maxLogRange: 3 })
  expect((await logs(head - 2, head)).result).toHaveLength(1)
  expect((await logs(head - 3, head)).error?.code).toBeLessThan(-32000)
  expect((await logs(head - 3, 'latest')).error).toBeDefined()
  expect(proxy.counters().faults).toEqual({ maxLogRange: 2 })
})

test('the same seed plays the same faults in the same order', async () => {
  const play = async () => {
    proxy.setFaults({ http429: 0.5 }, 42)
    const statuses: number[] = []
    for (let i = 0; i < 20; i += 1) statuses.push((await post(call('eth_chainId'))).status)
    return statuses
  }
  const first = await play()
  expect(new Set(first)).toEqual(new Set([200, 429]))
  expect(await play()).toEqual(first)
})

test('faults are set over HTTP too, and an unknown or impossible one is refused and changes nothing', async () => {
  const set = await post({ faults: { slowMs: 1, staleHead: 1 }, reset: true }, '/_control')
  expect(await set.json()).toMatchObject({ faults: { slowMs: 1, staleHead: 1, down: 0 } })
  for (const faults of [{ nonsense: 1 }, { down: 2 }, { slowMs: 0.5 }]) {
    expect((await post({ faults }, '/_control')).status).toBe(400)
  }
  const now = (await (await fetch(`${proxy.url}/_control`)).json()) as { faults: unknown }
  expect(now.faults).toMatchObject({ slowMs: 1, staleHead: 1, down: 0 })
})
