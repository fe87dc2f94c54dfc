/** A chain that keeps producing blocks: anvil mines nothing by itself any more, and each block is looked at when it is made. */
import { toHex, type Hex } from 'viem'
import type { LocalChain } from '../../scripts/stack/chain.ts'
import { chainClient, type ChainClient } from '../../scripts/stack/deploy.ts'
import { pause } from './books.ts'
import { below, between, type Random } from './random.ts'

export interface Head {
  number: number
  /** Unix seconds of the chain. */
  timestamp: number
}
export interface Mined extends Head {
  /** In the block's order. */
  receipts: { hash: Hex; success: boolean }[]
}
export interface Miner {
  head(): Head
  /** The first head from now on that fits, this one included. */
  when(fits: (head: Head) => boolean): Promise<Head>
  /** The chain's time leaps, and from now on blocks come as fast as they can. */
  leap(seconds: number): Promise<void>
  /** @throws what ended it before */
  stop(): Promise<void>
}
interface Waiting {
  fits: (head: Head) => boolean
  resolve: (head: Head) => void
  reject: (reason: unknown) => void
}

const HURRIED_PAUSE_MS = 50

export async function startMiner(
  chain: LocalChain,
  random: Random,
  onBlock: (block: Mined) => void,
): Promise<Miner> {
  const client = chainClient(chain.rpcUrl, chain.chainId)
  await client.setAutomine(false)
  let head = headOf(await client.getBlock())
  let waiting: Waiting[] = []
  let hurried = false
  let stopped = false
  const look = (): void => {
    const ready = waiting.filter(({ fits }) => fits(head))
    waiting = waiting.filter((one) => !ready.includes(one))
    for (const { resolve } of ready) resolve(head)
  }
  const mine = async (): Promise<void> => {
    while (!stopped) {
      const { gapMs, blocks } = next(random)
      for (const end = Date.now() + gapMs; !stopped && !hurried && Date.now() < end;) await pause(20)
      if (hurried) await pause(HURRIED_PAUSE_MS)
      await client.mine({ blocks })
      const newest = (await client.getBlock()).number
      for (let number = BigInt(head.number) + 1n; number <= newest; number += 1n) {
        const block = await minedBlock(client, number)
        onBlock(block)
        head = { number: block.number, timestamp: block.timestamp }
        look()
      }
    }
  }
  const running = mine().catch((error: unknown) => {
    stopped = true
    for (const { reject } of waiting.splice(0)) reject(error)
    throw error
  })
  running.catch(() => {})
  return {
    head: () => head,
    when: async (fits) => {
      if (fits(head)) return head
      if (stopped) await running
      return await new Promise((resolve, reject) => waiting.push({ fits, resolve, reject }))
    },
    leap: async (seconds) => {
      await client.increaseTime({ seconds })
      hurried = true
    },
    stop: async () => {
      stopped = true
      await running
    },
  }
}

/** Mostly about one block a second; now and then a chain that stalls, hurries or catches up. */
function next(random: Random): { gapMs: number; blocks: number } {
  const dice = random()
  if (dice < 0.04) return { gapMs: between(random, 2_500, 5_000), blocks: 1 + below(random, 4) }
  if (dice < 0.15) return { gapMs: between(random, 20, 200), blocks: 1 }
  return { gapMs: between(random, 500, 1_200), blocks: 1 }
}

async function minedBlock(client: ChainClient, number: bigint): Promise<Mined> {
  const block = await client.getBlock({ blockNumber: number })
  const receipts = block.transactions.length === 0 ? [] : await receiptsOf(client, number)
  return { ...headOf(block), receipts }
}

async function receiptsOf(client: ChainClient, number: bigint): Promise<Mined['receipts']> {
  const request = client.request as (call: { method: string; params: unknown[] }) => Promise<unknown>
  const receipts = await request({ method: 'eth_getBlockReceipts', params: [toHex(number)] })
  return (receipts as { transactionHash: Hex; status: Hex }[]).map(({ transactionHash, status }) => ({
    hash: transactionHash,
    success: status === '0x1',
  }))
}

const headOf = (block: { number: bigint; timestamp: bigint }): Head => ({
  number: Number(block.number),
  timestamp: Number(block.timestamp),
})
