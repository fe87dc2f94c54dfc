/** The local stack as a person runs it: with progress, a line for each request, a cron and a chain that goes on. */
import { mineWhenIdle } from './chain-clock.ts'
import { chainClient } from './deploy.ts'
import { givenLines, paint, readyLines, requestLine } from './dev-lines.ts'
import type { WaitingRuntime } from './gateway.ts'
import { keepRunning } from './keep-running.ts'
import { localFolder } from './manifest.ts'
import { Progress } from './progress.ts'
import { givenVariables } from './shell.ts'
import { forgetStack, startStack, type Stack } from './stack.ts'

export interface DevOptions {
  port: number
  reset: boolean
  quiet: boolean
  /** `NAME=value` for the functions. */
  set: string[]
}

const SETTLE_EVERY_MS = 60_000
/** No longer than this is anybody left without a line while something is being done. */
const SILENCE_MS_MAX = 3_000

/**
 * Starts everything, says what to do with it, and stays until it is stopped by a signal.
 * @throws Error when it does not start; nothing of it is left then
 */
export async function runDev(
  { port, reset, quiet, set }: DevOptions,
  runtime: WaitingRuntime,
): Promise<void> {
  const seconds = () => (performance.now() / 1000).toFixed(1)
  let saidAt = performance.now()
  const say = (line: string) => {
    saidAt = performance.now()
    console.log(`${paint('dim', `${seconds().padStart(5)} s`)}  ${line}`)
  }
  const given = givenVariables(process.env, set)
  for (const line of givenLines(given)) say(line)
  const progress = new Progress(say)
  const heartbeat = setInterval(() => {
    if (performance.now() - saidAt < SILENCE_MS_MAX || progress.pending.length === 0) return
    say(paint('dim', `still working on: ${progress.pending.join(', ')}`))
  }, SILENCE_MS_MAX / 6)
  let stack: Stack | undefined
  const stops: (() => Promise<void>)[] = []
  const stopAll = async () => {
    for (const stop of stops.splice(0)) await stop()
    await stack?.stop()
  }
  stopOnSignal(stopAll)
  try {
    if (reset) await forgetStack(localFolder)
    stack = await startStack({
      folder: localFolder,
      port,
      env: given.env,
      runtime,
      progress,
      onSources: say,
      onAnswer(answered) {
        const line = quiet ? undefined : requestLine(answered)
        if (line !== undefined) console.log(line)
      },
    })
  } finally {
    clearInterval(heartbeat)
  }
  const { settleUrl, rpcUrl, chainId } = stack.manifest
  // The local runtime fires no cron by itself. A run that fails says so in the log of the functions.
  const cron = setInterval(() => void fetch(settleUrl).catch(() => undefined), SETTLE_EVERY_MS)
  const miner = mineWhenIdle(chainClient(rpcUrl, chainId))
  const kept = keepRunning(stack, say, (why) => {
    console.error(`${why}: the local stack ends. \`npm run dev\` starts it again`)
    // Not from within what it stops.
    setTimeout(() => void stopAll().finally(() => process.exit(1)), 0)
  })
  stops.push(
    async () => await kept.stop(),
    async () => clearInterval(cron),
    async () => await miner.stop(),
  )
  for (const line of readyLines(stack.manifest, seconds(), quiet)) console.log(line)
}

function stopOnSignal(stop: () => Promise<void>): void {
  let stopping = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (stopping) return
      stopping = true
      console.log('\nstopping …')
      void stop().then(() => process.exit(0))
    })
}
