import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Address } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { mineOne, mineWhenIdle, moveClock } from '../scripts/stack/chain-clock.ts'
import { startChain, type LocalChain } from '../scripts/stack/chain.ts'
import { vaultAbi } from '../scripts/stack/contract-abi.ts'
import { chainClient, succeed, type ChainClient } from '../scripts/stack/deploy.ts'

const signer = privateKeyToAccount(generatePrivateKey()).address
let folder: string
let running: LocalChain[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidegate-chain-'))
})
afterEach(async () => {
  await Promise.all(running.map(async (chain) => await chain.stop()))
  running = []
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

async function start(signerAddress: Address = signer): Promise<{ chain: LocalChain; client: ChainClient }> {
  const chain = await startChain({ signerAddress, stateFile: join(folder, 'chain.json') })
  running.push(chain)
  return { chain, client: chainClient(chain.rpcUrl, chain.chainId) }
}

async function depositNative(chain: LocalChain, client: ChainClient): Promise<bigint> {
  const [user] = chain.accounts
  if (user === undefined) throw new Error('no users')
  const call = { account: privateKeyToAccount(user.privateKey), address: chain.vault, abi: vaultAbi } as const
  const hash = await client.writeContract({ ...call, functionName: 'depositNative', value: 3n })
  return (await succeed(client, hash)).blockNumber
}

function readSigner(chain: LocalChain, client: ChainClient): Promise<Address> {
  return client.readContract({ address: chain.vault, abi: vaultAbi, functionName: 'authorizationSigner' })
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('it never came to hold')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function vaultLogs(chain: LocalChain, client: ChainClient, toBlock: bigint) {
  return await client.getLogs({ address: chain.vault, fromBlock: 0n, toBlock })
}

describe('finality', () => {
  test('finalized is two blocks behind the head, so mining two blocks makes anything final', async () => {
    const { client } = await start()
    const finalized = async () => (await client.getBlock({ blockTag: 'finalized' })).number
    const safe = async () => (await client.getBlock({ blockTag: 'safe' })).number
    const head = await client.getBlockNumber({ cacheTime: 0 })
    expect([await safe(), await finalized()]).toEqual([head - 1n, head - 2n])
    await client.mine({ blocks: 2 })
    expect(await finalized()).toBe(head)
  })
})

describe('a restart', () => {
  test('keeps every block, its hash and its logs, and deploys nothing again', async () => {
    const first = await start()
    const deposit = await depositNative(first.chain, first.client)
    const before = await first.client.getBlock({ blockNumber: deposit })
    const logs = await vaultLogs(first.chain, first.client, deposit)
    await first.chain.stop()

    const { chain, client } = await start()
    expect(chain.vault).toBe(first.chain.vault)
    expect((await client.getBlock({ blockNumber: deposit })).hash).toBe(before.hash)
    expect(await vaultLogs(chain, client, deposit)).toEqual(logs)
    expect(await client.getBalance({ address: chain.vault })).toBe(3n)
    expect(await client.getTransactionCount({ address: chain.owner.address })).toBe(0)
  })

  test('leaves the state readable at the finalized block, which is the last one of before', async () => {
    const first = await start()
    const last = await depositNative(first.chain, first.client)
    await first.chain.stop()
    const { chain, client } = await start()
    expect((await client.getBlock({ blockTag: 'finalized' })).number).toBe(last)
    const read = { address: chain.vault, abi: vaultAbi, functionName: 'releaseNonces' } as const
    const args = [chain.owner.address] as const
    expect(await client.readContract({ ...read, args, blockTag: 'finalized' })).toBe(0n)
    expect(await client.readContract({ ...read, args, blockNumber: last })).toBe(0n)
  })

  test('never turns the chain clock back, not even after it was moved ahead of the wall clock', async () => {
    const first = await start()
    await first.client.increaseTime({ seconds: 86_400 })
    await first.client.mine({ blocks: 1 })
    const before = await first.client.getBlock()
    await first.chain.stop()
    const { chain, client } = await start()
    const resumed = await client.getBlock()
    expect(resumed.timestamp).toBeGreaterThan(before.timestamp)
    await depositNative(chain, client)
    expect((await client.getBlock()).timestamp).toBeGreaterThanOrEqual(resumed.timestamp)
  })

  test('says in a line each what may surprise: a clock that was moved ahead, a vault of other sources', async () => {
    const notes: string[] = []
    const stateFile = join(folder, 'chain.json')
    const noting = async () => {
      const chain = await startChain({ signerAddress: signer, stateFile, note: (line) => notes.push(line) })
      running.push(chain)
      return chain
    }
    const first = await noting()
    expect(notes).toEqual([])
    await moveClock(chainClient(first.rpcUrl, first.chainId), 86_400)
    await first.stop()
    const record = `${stateFile}.addresses.json`
    const kept = JSON.parse(readFileSync(record, 'utf8')) as object
    writeFileSync(record, JSON.stringify({ ...kept, codeHash: `0x${'1'.repeat(64)}` }))
    await noting()
    expect(notes).toEqual([
      expect.stringMatching(
        /^the chain's clock was moved 14\d\d min ahead [^\n]*npm run dev -- --reset[^\n]*$/,
      ),
      expect.stringMatching(/^the vault was deployed from other sources [^\n]*npm run dev -- --reset[^\n]*$/),
    ])
  })

  test('sets a changed signer again through the owner', async () => {
    const first = await start()
    expect(await readSigner(first.chain, first.client)).toBe(signer)
    await first.chain.stop()
    const other = privateKeyToAccount(generatePrivateKey()).address
    const { chain, client } = await start(other)
    expect(await readSigner(chain, client)).toBe(other)
  })
})

describe('the clock', () => {
  const wallClock = () => BigInt(Math.floor(Date.now() / 1000))

  test('is moved on by what was asked, also where it was made to stand still, and goes on from there', async () => {
    const { client } = await start()
    const now = async () => (await client.getBlock()).timestamp
    await moveClock(client, 7_200)
    const moved = await now()
    expect(moved).toBeGreaterThanOrEqual(wallClock() + 7_190n)
    await mineOne(client)
    expect(await now()).toBeGreaterThanOrEqual(moved)
    await client.setBlockTimestampInterval({ interval: 0 })
    await client.mine({ blocks: 1 })
    const still = await now()
    for (const seconds of [3_600, 1, 3_600]) {
      const before = await now()
      await moveClock(client, seconds)
      expect(await now()).toBe(before + BigInt(seconds))
    }
    expect(await now()).toBe(still + 7_201n)
  })

  test('that stands still is not moved while it is ahead, and goes on once the world has caught up', async () => {
    const { client } = await start()
    await client.setBlockTimestampInterval({ interval: 0 })
    await moveClock(client, 3_600)
    const ahead = (await client.getBlock()).timestamp
    await mineOne(client)
    expect((await client.getBlock()).timestamp).toBe(ahead)
    // The same clock, on a machine whose time has gone on.
    const later = Number(ahead + 600n) * 1000
    const clock = vi.spyOn(Date, 'now').mockReturnValue(later)
    try {
      await mineOne(client)
    } finally {
      clock.mockRestore()
    }
    expect((await client.getBlock()).timestamp).toBe(ahead + 600n)
    await client.mine({ blocks: 1 })
    expect((await client.getBlock()).timestamp).toBeGreaterThan(ahead + 600n - 5n)
  })

  test('ticks on a chain that nobody uses: blocks come by themselves until it is stopped', async () => {
    const { client } = await start()
    const head = async () => await client.getBlockNumber({ cacheTime: 0 })
    const first = await head()
    const miner = mineWhenIdle(client, 40)
    await until(async () => (await head()) >= first + 3n)
    await miner.stop()
    const last = await head()
    await client.mine({ blocks: 1 })
    expect(await head()).toBe(last + 1n)
  })
})

describe('a kill', () => {
  test('of anvil keeps every block that had been saved, whole', async () => {
    const { chain, client } = await start()
    const block = await depositNative(chain, client)
    const { hash } = await client.getBlock({ blockNumber: block })
    await until(() => readFileSync(join(folder, 'chain.json'), 'utf8').includes(hash))
    process.kill(chain.pid, 'SIGKILL')
    await chain.stop()
    const next = await start()
    expect((await next.client.getBlock({ blockNumber: block })).hash).toBe(hash)
  })

  test('of anvil leaves nothing of the states that outgrew its memory', async () => {
    vi.stubEnv('TMPDIR', folder)
    const left = () => readdirSync(folder).filter((name) => name.startsWith('tidegate-anvil'))
    const { chain, client } = await start()
    await until(async () => {
      await client.request({ method: 'anvil_mine' as never, params: ['0x40'] as never })
      return left().some((name) => readdirSync(join(folder, name)).length > 0)
    })
    process.kill(chain.pid, 'SIGKILL')
    await chain.stop()
    expect(left()).toEqual([])
  })

  test('of the process that started it takes anvil with it and loses nothing at all', async () => {
    const script = `
      import { startChain } from ${JSON.stringify(new URL('../scripts/stack/chain.ts', import.meta.url).href)}
      const chain = await startChain({ signerAddress: '${signer}', stateFile: process.argv[1] })
      process.stdout.write(JSON.stringify(chain) + '\\n')`
    const nodeArguments = ['--import', 'tsx', '--input-type=module', '-e', script, join(folder, 'chain.json')]
    const parent = spawn(process.execPath, nodeArguments, { stdio: ['ignore', 'pipe', 'inherit'] })
    let printed = ''
    parent.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
    await until(() => printed.endsWith('\n') || parent.exitCode !== null)
    const orphan = JSON.parse(printed) as LocalChain
    const client = chainClient(orphan.rpcUrl, orphan.chainId)
    const block = await depositNative(orphan, client)
    const { hash } = await client.getBlock({ blockNumber: block })
    parent.kill('SIGKILL')

    const next = await start()
    expect(() => process.kill(orphan.pid, 0)).toThrow('ESRCH')
    expect((await next.client.getBlock({ blockNumber: block })).hash).toBe(hash)
  })

  test('while anvil writes its last state falls back to the saved one', async () => {
    const { chain, client } = await start()
    const block = await client.getBlock()
    await chain.stop()
    writeFileSync(
      join(folder, 'chain.json.exit'),
      readFileSync(join(folder, 'chain.json')).subarray(0, 5_000),
    )
    const next = await start()
    expect((await next.client.getBlock({ blockNumber: block.number })).hash).toBe(block.hash)
    expect(existsSync(join(folder, 'chain.json.exit'))).toBe(false)
  })
})

describe('a refusal', () => {
  test('a state that is in use, of another chain or damaged is not touched', async () => {
    const { chain } = await start()
    await expect(start()).rejects.toThrow(/already running/)
    await chain.stop()
    const stateFile = join(folder, 'chain.json')
    await expect(startChain({ signerAddress: signer, stateFile, chainId: 5 })).rejects.toThrow(
      'chain 31337, not 5',
    )
    writeFileSync(stateFile, '{"block":')
    await expect(start()).rejects.toThrow(/damaged/)
    expect(readFileSync(stateFile, 'utf8')).toBe('{"block":')
  })
})
