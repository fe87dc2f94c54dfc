/** The local chain's blocks and clock, as buttons of the wallet page. */
import { mineOne, moveClock } from './chain-clock.ts'
import { chainClient } from './deploy.ts'
import type { Manifest } from './manifest.ts'

/** What the page shows of the chain; times in unix seconds. */
export interface ChainState {
  head: number
  finalized: number
  time: number
}

const BLOCKS_TO_FINAL = 2
const HOUR_SECONDS = 3_600

const clientOf = ({ rpcUrl, chainId }: Manifest) => chainClient(rpcUrl, chainId)

export async function chainState(manifest: Manifest): Promise<ChainState> {
  const client = clientOf(manifest)
  const [head, finalized] = await Promise.all([client.getBlock(), client.getBlock({ blockTag: 'finalized' })])
  return { head: Number(head.number), finalized: Number(finalized.number), time: Number(head.timestamp) }
}

const ACTIONS = {
  /** What is in a block now is final after it. */
  mine: async (manifest: Manifest) => await clientOf(manifest).mine({ blocks: BLOCKS_TO_FINAL }),
  /**
   * Deadlines are by this machine's clock, which a chain that nobody used is behind: it catches up first. The block of the
   * new time is final, so that what has expired is known to have.
   */
  hour: async (manifest: Manifest) => {
    await mineOne(clientOf(manifest))
    await moveClock(clientOf(manifest), HOUR_SECONDS + 1)
    await clientOf(manifest).mine({ blocks: BLOCKS_TO_FINAL })
  },
}

export const CHAIN_ACTIONS = Object.keys(ACTIONS) as (keyof typeof ACTIONS)[]

export const chainAction =
  (name: keyof typeof ACTIONS) =>
  async (manifest: Manifest): Promise<ChainState> => {
    await ACTIONS[name](manifest)
    return await chainState(manifest)
  }
