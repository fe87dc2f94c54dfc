/** All functions as one ES module, built from their sources as `wrangler deploy` would, and again after each change. */
import { context, type BuildResult } from 'esbuild'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { projectRoot } from './manifest.ts'

export interface SourceOptions {
  /** The module that has all functions. */
  entry?: string | undefined
  /** Where the module is written. */
  outfile: string
  /** Called after each build but the first that gave another module. */
  onChange: () => void
  /** Called with one line when a change does not build: the last good module stays. */
  onFault: (fault: string) => void
}

export interface FunctionSources {
  stop(): Promise<void>
}

const ENTRY = join(projectRoot, 'functions/index.ts')

/** @throws Error with one line that names the first fault, when the sources do not build */
export async function watchFunctions(options: SourceOptions): Promise<FunctionSources> {
  const { entry = ENTRY, outfile, onChange, onFault } = options
  let last: string | undefined
  const take = async (result: BuildResult): Promise<void> => {
    const fault = faultOf(result)
    if (fault !== undefined) {
      if (last === undefined) throw new Error(fault)
      return onFault(fault)
    }
    const text = result.outputFiles?.[0]?.text ?? ''
    if (text === last) return
    const isFirst = last === undefined
    await mkdir(dirname(outfile), { recursive: true })
    await writeFile(outfile, text)
    last = text
    if (!isFirst) onChange()
  }
  const taken = async (result: BuildResult): Promise<void> =>
    await take(result).catch((error: unknown) => {
      if (last === undefined) throw error
      onFault((error as Error).message)
    })
  let built!: (first: Promise<void>) => void
  const first = new Promise<void>((resolve) => (built = resolve))
  const sources = await context({
    entryPoints: [entry],
    bundle: true,
    write: false,
    outfile,
    format: 'esm',
    target: 'es2024',
    platform: 'browser',
    conditions: ['workerd', 'worker', 'browser'],
    define: { 'process.env.NODE_ENV': '"production"' },
    external: ['cloudflare:*'],
    logLevel: 'silent',
    plugins: [
      {
        name: 'take',
        setup: (build) => build.onEnd((result) => built(taken(result))),
      },
    ],
  })
  try {
    await sources.watch()
    await first
  } catch (error) {
    await sources.dispose()
    throw error
  }
  return { stop: async () => await sources.dispose() }
}

function faultOf({ errors }: BuildResult): string | undefined {
  const [error] = errors
  if (error === undefined) return undefined
  const { location, text } = error
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  return `${location === null ? '' : `${location.file}:${location.line}: `}${text}${more}`
}
