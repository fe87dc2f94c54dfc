/** The vault's counter as a withdrawal request reads it: through one node of several, or two that agree. */
import { encodeFunctionData } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parseEnv } from '../functions/_lib/env-read.ts'
import { chainEnv, rpcEnv, vaultEnv } from '../functions/_lib/env.ts'
import { readVaultCounter } from '../functions/_lib/withdraw/counter.ts'
import { vaultAbi } from '../scripts/stack/contract-abi.ts'
import { BARE_CALL_ANSWERS } from '../scripts/stack/rpc-limits.ts'
import { startRpcProxy, type RpcProxy } from '../scripts/stack/rpc-proxy.ts'
import * as z from 'zod/mini'
import * as v from './support/vault.ts'

let stage: v.VaultStage
let nodes: RpcProxy[]
/** Has withdrawn once, two blocks ago. */
let account: string
beforeAll(async () => {
  stage = await v.startStage()
  nodes = await Promise.all([0, 1, 2].map(async () => await startRpcProxy({ target: stage.chain.rpcUrl })))
  const holder = stage.user(0)
  account = holder.address.toLowerCase()
  const release = await v.nextRelease(stage, holder.address)
  await v.withdraw(stage, holder, release, await v.sign(stage, release))
  await stage.client.mine({ blocks: 1 })
}, 30_000)
beforeEach(() => {
  for (const node of nodes) {
    node.setFaults({}, 1)
    node.resetCounters()
  }
})
afterAll(async () => {
  for (const node of nodes ?? []) await node.stop()
  await stage?.chain.stop()
})

const schema = z.object({ ...chainEnv, ...rpcEnv, ...vaultEnv })
const envOf = (vars: Record<string, string> = {}) =>
  parseEnv(schema, {
    CHAIN_ID: String(stage.chain.chainId),
    VAULT_ADDRESS: stage.chain.vault,
    SIGNER_ADDRESS: stage.signer.address,
    RPC_URL: nodes.map(({ url }) => url).join(','),
    ...vars,
  })
const read = async (vars: Record<string, string> = {}) => await readVaultCounter(envOf(vars), account)
const asked = () => nodes.map((node) => node.counters().httpRequests)

describe('with one node enough', () => {
  test('the first is asked and no other, in one plain call', async () => {
    expect([await read(), asked()]).toEqual([1, [1, 0, 0]])
    expect(nodes[0]?.counters().methods).toEqual({ eth_call: 1 })
  })

  test.each([
    ...[{ down: 1 }, { http429: 1 }, { garbage: 1 }, { hang: 1 }, { maxCallGas: 500_000 }],
    ...BARE_CALL_ANSWERS.map((_, n) => ({ bareCallAnswer: n + 1 })),
  ])('the next one is asked when it fails (%o)', async (faults) => {
    nodes[0]?.setFaults(faults)
    expect([await read(), asked()]).toEqual([1, [1, 1, 0]])
    nodes[1]?.setFaults({ garbage: 1 })
    expect(await read()).toBe(1)
    nodes[2]?.setFaults({ down: 1 })
    await expect(read()).rejects.toThrow(/^eth_call: (down|slow|unreadable|refused|nonsense) \(node 1\)$/)
  })

  test('a node of another chain counts as failed, although it answers', async () => {
    const other = await v.startStage()
    try {
      const RPC_URL = `${other.chain.rpcUrl} \n ${nodes[1]?.url}`
      const CHAIN_ID = String(stage.chain.chainId)
      await other.client.request({ method: 'anvil_setChainId', params: [97] } as never)
      expect(await read({ RPC_URL, CHAIN_ID })).toBe(1)
      await expect(read({ RPC_URL: other.chain.rpcUrl })).rejects.toThrow('eth_call: nonsense (node 1)')
    } finally {
      await other.chain.stop()
    }
  })

  test('no error tells a node’s address, which may hold a key', async () => {
    for (const node of nodes) node.setFaults({ garbage: 1 })
    const error = (await read().catch((e: unknown) => e)) as Error
    expect(JSON.stringify([error.message, error.stack, { ...error }, error.cause])).not.toContain('127.0.0.1')
  })
})

describe('with RPC_QUORUM=2', () => {
  const env = { RPC_QUORUM: '2' }

  test('two nodes are asked at once, and the third only when they differ or fail', async () => {
    expect([await read(env), asked()]).toEqual([1, [1, 1, 0]])
    // Before the withdrawal, by its clock.
    nodes[0]?.setFaults({ staleHead: 2 })
    expect([await read(env), asked()]).toEqual([1, [2, 2, 1]])
    nodes[0]?.setFaults({ down: 1 })
    expect([await read(env), asked()]).toEqual([1, [3, 3, 2]])
  })

  test('two that differ are no answer, nor is one alone', async () => {
    nodes[0]?.setFaults({ staleHead: 2 })
    nodes[1]?.setFaults({ down: 1 })
    await expect(read(env)).rejects.toThrow('nodes 1, 3 disagree on counters')
    nodes[0]?.setFaults({ down: 1 })
    await expect(read(env)).rejects.toThrow('eth_call: down (node 1)')
  })

  test('the same node twice is one node', async () => {
    const twice = `${nodes[0]?.url},${nodes[0]?.url}`
    await expect(read({ ...env, RPC_URL: twice })).rejects.toThrow('bad or missing configuration: RPC_QUORUM')
    expect(asked()).toEqual([0, 0, 0])
  })
})

test.each([
  '',
  ' , ',
  'localhost:8545',
  'ftp://127.0.0.1',
  'http://',
  'https://a.example; https://b.example x',
])('RPC_URL that is %j stops the function by its name, not by its value', (RPC_URL) => {
  expect(() => envOf({ RPC_URL })).toThrow(
    /^bad or missing configuration: RPC_URL \(an https: URL without user and password\)$/,
  )
})

describe('a VAULT_ADDRESS that is no vault is said to be that', () => {
  test('where there is no contract', async () => {
    await expect(read({ VAULT_ADDRESS: stage.user(1).address })).rejects.toThrow(
      'VAULT_ADDRESS is no vault: there is no contract',
    )
  })

  test('where there is another one', async () => {
    await expect(read({ VAULT_ADDRESS: stage.chain.tokens.DF.address })).rejects.toThrow(
      'VAULT_ADDRESS is no vault: its contract does not answer as one',
    )
  })

  // Answers nothing; answers two words; burns all gas; a counter beyond any that can be counted to.
  test.each(['0x00', '0x60406000f3', '0xfe', '0x60001960005260206000f3'])(
    'where the contract is %s',
    async (bytecode) => {
      const address = '0x00000000000000000000000000000000000fa4e0'
      await stage.client.setCode({ address, bytecode: bytecode as `0x${string}` })
      await expect(read({ VAULT_ADDRESS: address })).rejects.toThrow('its contract does not answer as one')
    },
  )
})

describe('a vault that would not take what is signed here is said to be that, whatever its counter is', () => {
  test.each([
    [{ SIGNER_ADDRESS: '0x00000000000000000000000000000000000000a1' }, 'signer'],
    [{ VAULT_DOMAIN_NAME: 'Other Vault' }, 'domain'],
    [{ VAULT_DOMAIN_VERSION: '2' }, 'domain'],
    [
      { VAULT_DOMAIN_VERSION: '1 ', SIGNER_ADDRESS: '0x00000000000000000000000000000000000000a1' },
      'signer, domain',
    ],
  ])('%o', async (vars, named) => {
    await expect(read(vars as Record<string, string>)).rejects.toThrow(
      `the vault differs from the configuration: ${named}`,
    )
  })

  test('with two nodes that must agree, one that is behind the change is not believed alone', async () => {
    const pause = async (functionName: 'pause' | 'unpause') =>
      await v.ownerCalls(stage, encodeFunctionData({ abi: vaultAbi, functionName }))
    await pause('pause')
    await stage.client.mine({ blocks: 1 })
    await expect(read({ RPC_QUORUM: '2' })).rejects.toThrow(
      'the vault differs from the configuration: paused',
    )
    nodes[0]?.setFaults({ staleHead: 2 })
    nodes[1]?.setFaults({ down: 1 })
    await expect(read({ RPC_QUORUM: '2' })).rejects.toThrow('nodes 1, 3 disagree on counters')
    await pause('unpause')
  })
})
