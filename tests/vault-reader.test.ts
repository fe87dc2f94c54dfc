/** The program that asks the vault many things in one eth_call, as a real EVM runs it. */
import { fileURLToPath } from 'node:url'
import { pad, size, toFunctionSelector, toHex, type Hex } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connectNodes } from '../functions/_lib/chain/nodes.ts'
import { VAULT_CALLS_MAX } from '../functions/_lib/limits.ts'
import { connectChain } from '../functions/_lib/settle/chain.ts'
import { readVaultCalls, SELECTORS, vaultCalls, type VaultCall } from '../functions/_lib/vault/calls.ts'
import { VAULT_QUESTIONS } from '../functions/_lib/vault/state.ts'
import { VAULT_READER } from '../functions/_lib/vault/vault-reader.ts'
import { compileContracts, contractNamed } from '../scripts/stack/compile.ts'
import { vaultAbi } from '../scripts/stack/contract-abi.ts'
import { BARE_CALL_ANSWERS } from '../scripts/stack/rpc-limits.ts'
import { startRpcProxy, type RpcProxy } from '../scripts/stack/rpc-proxy.ts'
import * as v from './support/vault.ts'

/** EIP-3860 and EIP-170: what a call that names no contract may bring, and may answer. */
const DATA_BYTES_MAX = 49_152
const ANSWER_BYTES_MAX = 24_576

let stage: v.VaultStage
let node: RpcProxy
beforeAll(async () => {
  stage = await v.startStage()
  node = await startRpcProxy({ target: stage.chain.rpcUrl })
}, 30_000)
beforeEach(() => node.setFaults({}, 1))
afterAll(async () => {
  await node?.stop()
  await stage?.chain.stop()
})

const addressOf = (n: number) => pad(toHex(n + 1), { size: 20 })
const addresses = (count: number) => Array.from({ length: count }, (_, n) => addressOf(n * 7_919))
const counterOf = (account: string): VaultCall => ['releaseNonces', account]
/** A contract of these bytes, at an address of its own. */
async function contractOf(bytecode: Hex): Promise<Hex> {
  const address = addressOf(0xfa4e0000 + bytecode.length)
  await stage.client.setCode({ address, bytecode })
  return address
}
async function answerTo(data: Hex, gas?: bigint): Promise<unknown> {
  const call = { data, ...(gas !== undefined && { gas: toHex(gas) }) }
  return await stage.client.request({ method: 'eth_call', params: [call, 'latest'] } as never)
}
const ask = async (vault: string, calls: VaultCall[], gas?: bigint) =>
  readVaultCalls(await answerTo(vaultCalls(vault, calls), gas), calls.length)
const chain = () => {
  const options = { timeoutMs: 10_000, spent: { requests: 0 }, mayAsk: () => true }
  return connectChain(connectNodes({ RPC_URL: [node.url], RPC_QUORUM: 1 }, options), stage.chain.vault)
}
const head = async () => Number(await stage.client.getBlockNumber({ cacheTime: 0 }))

test('its bytes are what the compiler makes of its source, and its selectors those of the vault', async () => {
  const source = fileURLToPath(new URL('../functions/_lib/vault/VaultReader.sol', import.meta.url))
  expect(VAULT_READER).toBe(contractNamed(await compileContracts([source]), 'VaultReader').bytecode)
  for (const [name, selector] of Object.entries(SELECTORS)) {
    const item = vaultAbi.find((one) => one.type === 'function' && one.name === name)
    expect([name, selector]).toEqual([name, toFunctionSelector(item as never)])
  }
})

describe('what it gives back', () => {
  test('is what the vault answers to plain calls, with the chain’s id and whether there is code', async () => {
    const user = stage.user(0)
    const release = await v.nextRelease(stage, user.address)
    await v.withdraw(stage, user, release, await v.sign(stage, release))
    const { chain, signer, client } = stage
    const contract = { address: chain.vault, abi: vaultAbi } as const
    const token = chain.tokens.USDT.address
    const separator = await client.readContract({ ...contract, functionName: 'domainSeparator' })
    const held = await client.readContract({ ...contract, functionName: 'vaultTokenBalance', args: [token] })
    expect(held).toBeGreaterThan(0n)
    const calls = [...VAULT_QUESTIONS, ['vaultTokenBalance', token], counterOf(user.address)] as VaultCall[]
    expect(await ask(chain.vault, calls)).toEqual({
      code: true,
      chainId: BigInt(chain.chainId),
      words: [BigInt(signer.address), BigInt(separator), 0n, held, 1n],
    })
    expect(await ask(chain.vault, [])).toEqual({ code: true, chainId: BigInt(chain.chainId), words: [] })
  })

  test('is in the order of the calls, as many as are ever asked for', async () => {
    // Answers each call with the word that it brings.
    const echo = await contractOf('0x60043560005260206000f3')
    const accounts = addresses(VAULT_CALLS_MAX)
    const said = await ask(echo, accounts.map(counterOf))
    expect(said?.words).toEqual(accounts.map((account) => BigInt(account)))
  })

  test('says of an address without code that there is none, and takes nothing from it for a word', async () => {
    const calls = [...VAULT_QUESTIONS, counterOf(addressOf(1))]
    const nobody = { code: false, chainId: BigInt(stage.chain.chainId), words: calls.map(() => undefined) }
    expect(await ask(addressOf(0xdead), calls)).toEqual(nobody)
    // Precompiled: it answers with what it is asked, and has no code.
    expect(await ask(addressOf(3), calls)).toEqual(nobody)
  })

  // Nothing; 31 bytes; two words; 20,000 bytes; as many as gas can pay; reverts, with and without a word; burns all its gas.
  test.each<Hex>([
    ...(['0x00', '0x601f6000f3', '0x60406000f3', '0x614e206000f3', '0x62ffffff6000f3'] as const),
    ...(['0x60006000fd', '0x60206000fd', '0xfe', '0x5b600056'] as const),
  ])('is no word where the contract is %s, however often it is asked', async (bytecode) => {
    const other = await contractOf(bytecode)
    const calls = [...VAULT_QUESTIONS, ...addresses(5).map(counterOf)]
    expect(await ask(other, calls)).toEqual({
      code: true,
      chainId: BigInt(stage.chain.chainId),
      words: calls.map(() => undefined),
    })
  })

  test('leaves out the one token that cannot be read, whatever it does, and no other', async () => {
    const broken = await Promise.all(
      (['0xfe', '0x00', '0x62ffffff6000f3', '0x60006000fd'] as const).map(contractOf),
    )
    const { USDT, DF } = stage.chain.tokens
    const at = await head()
    const { holdings, vault } = await chain().vault([USDT.address, ...broken, DF.address], at)
    expect([...holdings.keys()]).toEqual([USDT.address, DF.address])
    expect(vault.said?.signer).toBe(stage.signer.address.toLowerCase())
  })
})

describe('within what nodes allow', () => {
  test('the largest call stays below the limits of data, answer and gas, and a larger one is refused, not cut', async () => {
    const largest = vaultCalls(stage.chain.vault, addresses(VAULT_CALLS_MAX).map(counterOf))
    expect(size(largest)).toBeLessThan(DATA_BYTES_MAX)
    expect(size((await answerTo(largest)) as Hex)).toBeLessThan(ANSWER_BYTES_MAX)
    const gas = await stage.client.estimateGas({ account: stage.owner, data: largest })
    expect(gas).toBeLessThan(10_000_000n)
    await expect(answerTo(vaultCalls(stage.chain.vault, addresses(800).map(counterOf)))).rejects.toThrow()
  })

  test('too little gas is a refusal by the node, and never an answer that the vault did not give', async () => {
    const calls = [...VAULT_QUESTIONS, counterOf(addressOf(1))]
    const spender = await contractOf('0xfe')
    let [refused, answered] = [0, 0]
    for (let gas = 100_000n; gas <= 6_000_000n; gas += 100_000n)
      for (const vault of [stage.chain.vault, spender]) {
        const said = await ask(vault, calls, gas).catch(() => 'refused' as const)
        if (said === 'refused') refused += 1
        else answered += 1
        const words = said === 'refused' ? [] : said?.words
        const whole =
          vault === spender ? calls.map(() => undefined) : [expect.anything(), expect.anything(), 0n, 0n]
        expect([gas, vault, words]).toEqual([gas, vault, said === 'refused' ? [] : whole])
      }
    expect(Math.min(refused, answered)).toBeGreaterThan(10)
  })

  test('a node that gives less than it takes has failed, and so has one that runs no call without a contract', async () => {
    const at = await head()
    node.setFaults({ maxCallGas: 1_000_000 })
    await expect(chain().vault([], at)).rejects.toThrow('eth_call: refused (node 1)')
    await expect(chain().counters([addressOf(1)], at)).rejects.toThrow('eth_call: refused (node 1)')
    for (const [index, { error }] of BARE_CALL_ANSWERS.entries()) {
      node.setFaults({ bareCallAnswer: index + 1 })
      const fault = error ? 'refused' : 'nonsense'
      await expect(chain().vault([], at)).rejects.toThrow(`eth_call: ${fault} (node 1)`)
      await expect(chain().counters([addressOf(1)], at)).rejects.toThrow(`eth_call: ${fault} (node 1)`)
    }
  })
})

describe('an answer is believed in one shape only', () => {
  const honest = `0x${toHex(9, { size: 32 }).slice(2)}${toHex(31337, { size: 32 }).slice(2)}${'0'.repeat(63)}70${'0'.repeat(63)}0100`
  test('which is two words, a word for each call and a byte for each, 0 or 1, in either case of hex', () => {
    const read = { code: true, chainId: 31337n, words: [7n, undefined] }
    expect(readVaultCalls(honest, 2)).toEqual(read)
    expect(readVaultCalls(`0x${honest.slice(2).toUpperCase()}`, 2)).toEqual(read)
  })

  test.each([
    ['nothing', '0x'],
    ['null', null],
    ['of fewer calls', honest.slice(0, -66)],
    ['a byte short', honest.slice(0, -2)],
    ['a digit short', honest.slice(0, -1)],
    ['a byte long', `${honest}00`],
    ['with a byte that is neither', `${honest.slice(0, -2)}02`],
    ['without 0x', `00${honest.slice(2)}`],
    ['not of hex', honest.replace('7a', 'zz')],
  ])('%s is none', (_what, answer) => {
    expect(readVaultCalls(answer, 2)).toBeUndefined()
  })
})

test('counters of more accounts than fit in one call are each account’s own, and one that is missing spoils them all', async () => {
  const echo = await contractOf('0x60043560005260206000f3')
  const options = { timeoutMs: 10_000, spent: { requests: 0 }, mayAsk: () => true }
  const at = async (vault: string) =>
    connectChain(connectNodes({ RPC_URL: [node.url], RPC_QUORUM: 1 }, options), vault)
  const accounts = addresses(2 * VAULT_CALLS_MAX + 1)
  const { counters } = await (await at(echo)).counters([...accounts, ...accounts.slice(0, 3)], await head())
  expect([...counters]).toEqual(accounts.map((account) => [account, BigInt(account).toString()]))
  expect(options.spent.requests).toBe(1)
  // Answers every account but the one that is asked about here.
  const one = accounts[700] ?? expect.fail('there is no such account')
  const but = await contractOf(`0x73${one.slice(2)}6004351460275760043560005260206000f35b60006000fd`)
  await expect((await at(but)).counters(accounts, await head())).rejects.toThrow(
    'eth_call: nonsense (node 1)',
  )
})
