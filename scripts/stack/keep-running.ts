/** Parts of the local stack that end while it runs: said at once, and started again. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Stack } from './stack.ts'

const LOOK_EVERY_MS = 500
/** More often within a minute something else is wrong than that somebody has killed it. */
const AGAIN_MAX = 3
const AGAIN_WITHIN_MS = 60_000

interface Part {
  name: string
  /** What becomes of what it held. */
  kept: string
  isRunning(): Promise<boolean> | boolean
  restart(): Promise<void>
}

/**
 * @param say a line for whoever runs the stack
 * @param giveUp ends the stack, with a line that says why
 */
export function keepRunning(
  { postgres, chain, restartChain }: Pick<Stack, 'postgres' | 'chain' | 'restartChain'>,
  say: (line: string) => void,
  giveUp: (why: string) => void,
): { stop(): Promise<void> } {
  const stopping = new AbortController()
  let ended: unknown
  const watchChain = () => {
    const { gone } = chain
    void gone.then(() => (ended = gone))
  }
  watchChain()
  const parts: Part[] = [
    {
      ...{ name: 'Postgres', kept: 'nothing committed is lost' },
      isRunning: async () => await postgres.isRunning(),
      restart: async () => await postgres.restart(),
    },
    {
      ...{ name: 'the chain', kept: 'blocks of its last quarter second may be lost' },
      isRunning: () => ended !== chain.gone,
      restart: async () => {
        await restartChain()
        watchChain()
      },
    },
  ]
  const watch = async (part: Part): Promise<void> => {
    const { name } = part
    let times: number[] = []
    while (!stopping.signal.aborted) {
      await pause(LOOK_EVERY_MS, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined)
      if (stopping.signal.aborted || (await part.isRunning())) continue
      times = [...times, Date.now()].filter((at) => at > Date.now() - AGAIN_WITHIN_MS)
      if (times.length > AGAIN_MAX) return giveUp(`${name} has ended ${times.length} times within a minute`)
      say(`${name} has ended (killed?): starting it again, ${part.kept}`)
      try {
        await part.restart()
      } catch (error) {
        return giveUp(
          `${name} has ended and does not start again: ${(error as Error).message.split('\n')[0]}`,
        )
      }
      say(`${name} runs again`)
    }
  }
  const running = Promise.all(parts.map(watch))
  return {
    async stop() {
      stopping.abort()
      await running
    },
  }
}
