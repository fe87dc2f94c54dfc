/** All functions from their sources, behind our edge: what `npm run dev` runs. */
import { join } from 'node:path'
import { startEdge, type Edge, type EdgeOptions } from './edge.ts'
import { watchFunctions } from './function-sources.ts'
import {
  freePort,
  prepareRuntime,
  type Gateway,
  type GatewayOptions,
  type WaitingRuntime,
} from './gateway.ts'

export interface DevGatewayOptions extends Omit<GatewayOptions, 'bundle'> {
  /** Of the sources, where it is not that of this repository. */
  entry?: string
  /** When all that the runtime needs is there: the sources are built meanwhile. */
  ready?: Promise<unknown>
  /** What serves them first. */
  runtime?: WaitingRuntime | undefined
  onAnswer?: EdgeOptions['onAnswer']
  answering?: EdgeOptions['answering']
  /** Called with one line when sources have changed: that they run, or why they do not. */
  onSources?: ((said: string) => void) | undefined
}

/** More often within a minute something else is wrong than that somebody has killed it. */
const AGAIN_MAX = 3
const AGAIN_WITHIN_MS = 60_000

/**
 * Builds the functions, serves them, and serves them anew after each change that builds. Requests meanwhile wait.
 * @throws Error when the sources do not build, the runtime does not come up, or `ready` fails
 */
export async function startDevGateway(options: DevGatewayOptions): Promise<Gateway> {
  const {
    port,
    entry,
    ready,
    runtime: first = prepareRuntime(),
    onAnswer,
    answering,
    onSources,
    ...rest
  } = options
  const say = onSources ?? (() => undefined)
  const bundle = join(options.persistTo, 'functions.js')
  const serve = async (waiting: WaitingRuntime) =>
    await waiting.serve({ ...rest, bundle, port: await freePort() })
  let runtime: Gateway
  let edge: Edge
  let reloads = Promise.resolve()
  let ending = false
  let awayAt: number[] = []
  const reload = async () =>
    await edge.hold(async () => {
      const next = prepareRuntime()
      watched = undefined
      await runtime.stop()
      runtime = await serve(next)
      watch()
      return runtime.port
    })
  /** A runtime that ends by itself, or is killed, is started again: requests wait for it meanwhile. */
  let watched: Gateway | undefined
  const watch = () => {
    const one = (watched = runtime)
    void one.gone.then(async () => {
      if (ending || watched !== one) return
      awayAt = [...awayAt, Date.now()].filter((at) => at > Date.now() - AGAIN_WITHIN_MS)
      if (awayAt.length > AGAIN_MAX)
        return say('the functions have ended too often: stop the stack and start it again')
      say('the functions have ended (killed?): starting them again')
      reloads = reloads.then(reload).then(
        () => say('the functions run again'),
        (error: unknown) => say((error as Error).message),
      )
      await reloads
    })
  }
  const stops: (() => Promise<void>)[] = [first.stop]
  // It is asked for further below, and may have failed by then.
  ready?.catch(() => undefined)
  try {
    const sources = await watchFunctions({
      entry,
      outfile: bundle,
      onChange() {
        reloads = reloads.then(reload).then(
          () => say('the changed functions run'),
          (error: unknown) => say((error as Error).message),
        )
      },
      onFault: (fault) => say(`the last good functions go on, the changed ones do not build: ${fault}`),
    })
    stops.push(sources.stop)
    await ready
    runtime = await serve(first)
    edge = await startEdge({ port, runtimePort: runtime.port, onAnswer, answering })
    watch()
    let over!: () => void
    const gone = new Promise<void>((resolve) => (over = resolve))
    const end = async (how: 'stop' | 'kill') => {
      ending = true
      await sources.stop()
      await reloads
      await edge.stop()
      await runtime[how]()
      over()
    }
    return { port: edge.port, gone, stop: async () => await end('stop'), kill: async () => await end('kill') }
  } catch (error) {
    for (const stop of stops) await stop()
    throw error
  }
}
