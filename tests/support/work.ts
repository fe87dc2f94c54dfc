/**
 * How much a piece of code computes, as a number that is the same on every machine: counted, never timed.
 */
import { Session } from 'node:inspector/promises'
import { regexSteps } from './regex-steps.ts'

export interface Work {
  /** Blocks of JavaScript run, steps of patterns, and characters given to what the runtime does natively. */
  total: number
  patterns: Map<string, RegExp>
}

export interface Meter {
  measure(work: () => Promise<unknown>): Promise<Work>
  stop(): Promise<void>
}

/** Ours and what we bring with us; not the test runner, nor this counting. */
const COUNTED = /\/(functions|db)\/[^?]*\.ts|\/node_modules\/(?!vitest|@vitest|vite|@eslint-community)/

/** Starts counting in this thread. Measure one thing at a time. */
export async function startMeter(): Promise<Meter> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  const blocks = async () => {
    const { result } = await session.post('Profiler.takePreciseCoverage')
    const ours = result.filter(({ url }) => COUNTED.test(url))
    return ours
      .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges))
      .reduce((sum, { count }) => sum + count, 0)
  }
  return {
    measure: async (work) => {
      await blocks()
      const natives = countNatives()
      try {
        await work()
      } finally {
        natives.restore()
      }
      const { failure, total, patterns } = natives.result()
      // What the code under test may have caught.
      if (failure) throw failure
      return { total: (await blocks()) + total, patterns }
    },
    stop: async () => {
      await session.post('Profiler.stopPreciseCoverage')
      session.disconnect()
    },
  }
}

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown
interface Target {
  on: object
  names: string[]
  /** Which texts it reads from end to end. */
  read: (self: unknown, args: unknown[]) => unknown
}

const first = (_self: unknown, [argument]: unknown[]) => argument
const NATIVES: Target[] = [
  { on: JSON, names: ['parse'], read: first },
  { on: TextEncoder.prototype, names: ['encode'], read: first },
  { on: TextDecoder.prototype, names: ['decode'], read: first },
  { on: globalThis, names: ['decodeURI', 'decodeURIComponent', 'encodeURIComponent', 'atob'], read: first },
  { on: crypto.subtle, names: ['digest'], read: (_self, args) => args[1] },
  { on: crypto.subtle, names: ['verify'], read: (_self, args) => args[3] },
  {
    on: String.prototype,
    names: ['split', 'replace', 'replaceAll', 'toLowerCase', 'toUpperCase', 'trim', 'includes', 'indexOf'],
    read: (self) => self,
  },
]

function countNatives() {
  let counted = 0
  let counting = false
  let failure: Error | undefined
  const patterns = new Map<string, RegExp>()
  const undo: (() => void)[] = []
  const put = (on: object, name: string, made: (original: AnyFunction) => AnyFunction) => {
    const descriptor = Object.getOwnPropertyDescriptor(on, name)
    const original = (on as Record<string, AnyFunction>)[name]!
    Object.defineProperty(on, name, { configurable: true, writable: true, value: made(original) })
    undo.push(() =>
      descriptor ? Object.defineProperty(on, name, descriptor) : Reflect.deleteProperty(on, name),
    )
  }
  /** What the counting itself calls is not counted. */
  const quietly = (count: () => void) => {
    if (counting) return
    counting = true
    try {
      count()
    } catch (error) {
      failure ??= error as Error
    } finally {
      counting = false
    }
  }
  for (const { on, names, read } of NATIVES)
    for (const name of names)
      put(
        on,
        name,
        (original) =>
          function (this: unknown, ...args) {
            quietly(() => (counted += sizeOf(read(this, args))))
            return original.apply(this, args)
          },
      )
  put(
    RegExp.prototype,
    'exec',
    (original) =>
      function (this: unknown, ...args) {
        const pattern = this as RegExp
        const text = String(args[0])
        const from = pattern.global || pattern.sticky ? pattern.lastIndex : 0
        const found = original.apply(this, args) as RegExpExecArray | null
        quietly(() => {
          const { steps, index } = regexSteps(pattern, text, from)
          // A matcher that finds something else does other work than the runtime's.
          if (index !== (found?.index ?? -1)) throw new Error(`${String(pattern)}: the counting is wrong`)
          counted += steps
          patterns.set(String(pattern), pattern)
        })
        return found
      },
  )
  return {
    result: () => ({ failure, total: counted, patterns }),
    restore: () => undo.forEach((each) => each()),
  }
}

const sizeOf = (value: unknown): number =>
  typeof value === 'string' ? value.length : ArrayBuffer.isView(value) ? value.byteLength : 0
