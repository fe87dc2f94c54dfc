import { encodeFunctionData, toHex } from 'viem'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { vaultAbi } from '../scripts/stack/contract-abi.ts'
import { BARE_CALL_ANSWERS, BATCH_REFUSALS, REFUSALS } from '../scripts/stack/rpc-limits.ts'
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

test('a batch over the limit is refused in each way that is about, and one at the limit or alone is answered', async () => {
  const ids = [7, 8, 9, 10]
  const batch = (n: number) => ids.slice(0, n).map((id) => call('eth_chainId', [], id))
  const seen: string[] = []
  for (const at of BATCH_REFUSALS.keys()) {
    proxy.setFaults({ maxBatch: 3, batchRefusal: at + 1 })
    const ok = (await (await post(batch(3))).json()) as Answer[]
    expect(ok.map(({ result }) => result)).toEqual(Array(3).fill(toHex(31337)))
    const refused = await post(batch(4))
    seen.push(`${refused.status} ${await refused.text()}`)
  }
  expect(new Set(seen).size).toBe(BATCH_REFUSALS.length)
  expect(new Set(seen.map((text) => text.slice(0, 3)))).toEqual(
    new Set(['200', '400', '413', '429', '500', '503']),
  )
  // In part: three answers, and for the fourth an error or nothing.
  const results = (text: string | undefined) => (JSON.parse(text?.slice(4) ?? '') as Answer[]).map(({ id, error }) => [id, error?.code]) // prettier-ignore
  expect(results(seen.at(-2))).toEqual([[7, undefined], [8, undefined], [9, undefined], [10, -32005]]) // prettier-ignore
  expect(results(seen.at(-1))).toEqual([[7, undefined], [8, undefined], [9, undefined]]) // prettier-ignore
  proxy.setFaults({ maxBatch: 1 })
  expect((await ask('eth_chainId')).result).toBe(toHex(31337))
})

test('a range, too many logs or too large an answer may end the whole request, in each of those ways', async () => {
  const range = call('eth_getLogs', [
    { address: stage.chain.vault, fromBlock: toHex(head - 3), toBlock: toHex(head) },
  ])
  for (const [at, way] of REFUSALS.entries()) {
    const { status } = way([range])
    for (const faults of [{ maxLogRange: 3 }, { maxAnswerBytes: 90 }]) {
      proxy.setFaults({ ...faults, rangeRefusal: at + 1 })
      expect((await post([call('eth_chainId'), range])).status).toBe(status)
      expect((await ask('eth_chainId')).result).toBe(toHex(31337))
    }
  }
  proxy.setFaults({ maxLogs: 1 })
  expect((await logs(0, head)).error?.code).toBeLessThan(0)
  expect((await logs(head, head)).result).toHaveLength(1)
})

test('a call that names no contract is refused or not run, and one gets no more gas than the node gives', async () => {
  // Gives back its gas: GAS PUSH1 0 MSTORE PUSH1 32 PUSH1 0 RETURN.
  const gasLeft = { data: '0x5a60005260206000f3' }
  const said = async (asked: object) => await ask('eth_call', [asked, 'latest'])
  const most = Number((await said(gasLeft)).result)
  for (const [at, { error, result }] of BARE_CALL_ANSWERS.entries()) {
    proxy.setFaults({ bareCallAnswer: at + 1 })
    const answer = await said(gasLeft)
    expect([answer.error, answer.result]).toEqual([error, result])
    const named = {
      to: stage.chain.vault,
      data: encodeFunctionData({ abi: vaultAbi, functionName: 'paused' }),
    }
    expect((await said(named)).result).toBe(toHex(0, { size: 32 }))
  }
  proxy.setFaults({ maxCallGas: 100_000 })
  expect(most).toBeGreaterThan(100_000)
  for (const gas of [undefined, 200_000, 90_000]) {
    const got = Number((await said({ ...gasLeft, ...(gas && { gas: toHex(gas) }) })).result)
    expect([gas, got < (gas === 90_000 ? gas : 100_000), got > 20_000]).toEqual([gas, true, true])
  }
})

test('heads are not level, numbered blocks are unknown, and old states are gone', async () => {
  const latest = async () => Number(((await ask('eth_getBlockByNumber', ['latest', false])).result as { number: string }).number) // prettier-ignore
  await stage.client.mine({ blocks: 25 })
  const now = await latest()
  proxy.setFaults({ unlevelHead: 0.5 }, 3)
  const heads: number[] = []
  for (let n = 0; n < 12; n += 1) heads.push(await latest())
  expect(new Set(heads)).toEqual(new Set([now, now - 20]))
  proxy.setFaults({ unknownBlocks: 1 })
  expect((await ask('eth_getBlockByNumber', [toHex(now - 1), false])).result).toBeNull()
  expect(await latest()).toBe(now)
  proxy.setFaults({ keptStates: 10 })
  const balance = async (block: number) => await ask('eth_getBalance', [stage.chain.vault, toHex(block)])
  expect((await balance(now - 10)).result).toBe('0x1')
  expect((await balance(now - 11)).error?.code).toBeLessThan(0)
  expect((await ask('eth_getBlockByNumber', [toHex(now - 11), false])).result).not.toBeNull()
  proxy.setFaults({ frozenHead: now - 5 })
  expect(await latest()).toBe(now - 5)
  // The log index is further back than the head: [] for blocks that the node has.
  proxy.setFaults({ indexLag: now - head + 1 })
  expect([(await logs(head, now)).result, await latest()]).toEqual([[], now])
  proxy.setFaults({ indexLag: now - head })
  expect((await logs(head, now)).result).toHaveLength(1)
})

test('answers arrive with text ids, in any order, in capitals, with nulls or not at all', async () => {
  const batch = [1, 2, 3].map((id) => call('eth_getBlockByNumber', [toHex(head), false], id))
  const play = async (faults: object) => {
    proxy.setFaults(faults, 5)
    return (await (await post(batch)).json()) as { id: unknown; result: Record<string, string> | null }[]
  }
  expect((await play({ textIds: 1 })).map(({ id }) => id)).toEqual(['1', '2', '3'])
  const orders = new Set<string>()
  proxy.setFaults({ shuffledBatch: 1 }, 5)
  for (let n = 0; n < 9; n += 1)
    orders.add(((await (await post(batch)).json()) as Answer[]).map(({ id }) => id).join(''))
  expect(orders.size).toBeGreaterThan(1)
  const [first] = await play({ upperCase: 1 })
  expect(first?.result?.hash).toMatch(/^0x[0-9A-F]{64}$/)
  expect((await play({ nullAnswer: 1 })).filter(({ result }) => result === null)).toHaveLength(1)
  const nulls = (await play({ nullField: 1 })).flatMap(({ result }) => Object.values(result ?? {}))
  expect(nulls.filter((value) => value === null)).toHaveLength(1)
  expect(await play({ missingAnswer: 1 })).toHaveLength(2)
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
