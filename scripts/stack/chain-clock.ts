/** The clock of the local chain, and the blocks that keep it going. */
import { setTimeout as pause } from 'node:timers/promises'
import { WITHDRAW_TTL_SECONDS_DEFAULT } from '../../functions/_lib/limits.ts'
import type { ChainClient } from './deploy.ts'

type Clock = Pick<ChainClient, 'getBlock' | 'mine' | 'setNextBlockTimestamp' | 'removeBlockTimestampInterval'>

/** Blocks of a chain that nobody uses come at least this often: a head that is older than 15 minutes raises an alert. */
const BLOCK_EVERY_MS = 60_000

/** What the next block's time would be: the head's for a clock that stands still. */
const chainClock = async (client: Clock): Promise<bigint> =>
  (await client.getBlock({ blockTag: 'pending' })).timestamp

/**
 * Moves the chain's clock on and mines one block. Said as the time of a block: `evm_increaseTime` does nothing on a chain
 * whose clock was made to stand still, as `npm run demo` leaves it.
 */
export async function moveClock(client: Clock, seconds: number): Promise<void> {
  await client.setNextBlockTimestamp({ timestamp: (await chainClock(client)) + BigInt(seconds) })
  await client.mine({ blocks: 1 })
}

/**
 * By how many seconds a withdrawal that is asked for now would be too late already: its deadline is by this machine's clock, and the
 * vault looks at the chain's. Zero or less where it can be paid.
 *
 * @param time of the chain's newest block, unix seconds
 */
export const secondsTooLate = (time: bigint, ttlSeconds: number): number =>
  Number(time) - (Math.floor(Date.now() / 1000) + ttlSeconds)

/** How long the functions give a withdrawal, seconds. */
export const withdrawTtl = ({ WITHDRAW_TTL_SECONDS: given }: Record<string, string | undefined>): number =>
  given === undefined || given === '' ? WITHDRAW_TTL_SECONDS_DEFAULT : Number(given)

/** Mines one block. A clock that was made to stand still goes on from when the world has caught up with it. */
export async function mineOne(client: Clock): Promise<void> {
  const now = BigInt(Math.floor(Date.now() / 1000))
  if ((await chainClock(client)) < now) {
    await client.removeBlockTimestampInterval()
    await client.setNextBlockTimestamp({ timestamp: now })
  }
  await client.mine({ blocks: 1 })
}

/** Mines whenever no block came for so long. A chain that is busy or away is asked again the next time. */
export function mineWhenIdle(client: Clock, everyMs = BLOCK_EVERY_MS): { stop(): Promise<void> } {
  const stopping = new AbortController()
  let seen: { number: bigint; at: number } | undefined
  const look = async (): Promise<void> => {
    const { number } = await client.getBlock()
    if (number !== seen?.number) seen = { number, at: Date.now() }
    else if (Date.now() - seen.at >= everyMs) await mineOne(client)
  }
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await look().catch(() => undefined)
      await pause(everyMs / 4, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined)
    }
  }
  const running = run()
  return {
    async stop() {
      stopping.abort()
      await running
    },
  }
}
