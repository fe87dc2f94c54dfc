/** Runs test files in a copy of the project and says whether one of them failed. */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

export interface Failed {
  /** `tests/<name>.test.ts`; nothing where no file failed, but the run did. */
  file: string | undefined
  /** Of the first test that failed; nothing where the file as a whole did, or nothing came up. */
  test: string | undefined
  /** What was said, where the file failed as a whole. */
  said?: string
}

const KILL_AFTER_MS = 10_000

/** Variables of a run: the seed of its stacks, and its test files in their order. */
export const SEED = 'MUTANTS_SEED'
export const FILES = 'MUTANTS_FILES'

const running = new Set<ChildProcess>()

/** What is started before the tests: nothing, the bundle for stacks of their own, or the stack that they share. */
const STAGES = ['units', 'bundle', 'stack'] as const
type Stage = (typeof STAGES)[number]
/** A fault may make something run for ever: no file of tests takes nearly as long. */
const LIMIT_MS: Record<Stage, number> = { units: 90_000, bundle: 300_000, stack: 600_000 }

const USES_STACK = /(?<!: \w+ = )inject\('stack|\b(?:clientOf|functionLog|functionsEnv)\(\)/
const USES_BUNDLE = /inject\('bundle'\)/

/** What a test file, with all that it imports from `tests/`, cannot do without. */
export function stageOf(folder: string, file: string, seen = new Set<string>()): Stage {
  seen.add(file)
  const text = readFileSync(join(folder, file), 'utf8')
  if (USES_STACK.test(text)) return 'stack'
  const imported = [...text.matchAll(/ from '(\.[^']+)'/g)]
    .map(([, path]) => join(dirname(file), path!))
    .filter((path) => path.startsWith('tests/') && existsSync(join(folder, path)) && !seen.has(path))
    .map((path) => stageOf(folder, path, seen))
  const own: Stage = USES_BUNDLE.test(text) ? 'bundle' : 'units'
  return [own, ...imported].sort((a, b) => STAGES.indexOf(a) - STAGES.indexOf(b)).at(-1)!
}

/**
 * The tests that failed: the first one only, unless `all`. What starts soonest runs first, and alone where it fails.
 * @param seed the folder that `seedIn` made
 */
export async function failures(
  folder: string,
  seed: string,
  tests: string[],
  all = false,
): Promise<Failed[]> {
  const found: Failed[] = []
  for (const stage of STAGES) {
    const files = tests.filter((file) => stageOf(folder, file) === stage)
    const env = { ...process.env, [SEED]: seed, [FILES]: JSON.stringify(files) }
    if (files.length > 0) found.push(...(await run(folder, stage, env, files, all)))
    if (found.length > 0 && !all) break
  }
  return found
}

async function run(
  folder: string,
  stage: Stage,
  env: NodeJS.ProcessEnv,
  tests: string[],
  all: boolean,
): Promise<Failed[]> {
  const report = join(folder, '.mutant.json')
  rmSync(report, { force: true })
  const vitest = join(folder, 'node_modules/vitest/vitest.mjs')
  const options = [
    '--reporter=json',
    `--outputFile=${report}`,
    ...(all ? [] : ['--bail=1', '--maxWorkers=1']),
  ]
  const child = spawn(
    process.execPath,
    [vitest, 'run', '--config', `tests/mutants/${stage}.config.ts`, ...options, ...tests],
    // A group of its own, so that whatever hangs ends with it.
    { cwd: folder, env, stdio: 'ignore', detached: true },
  )
  running.add(child)
  const timer = setTimeout(() => end(child), LIMIT_MS[stage])
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  clearTimeout(timer)
  running.delete(child)
  const failed = failedTests(folder, report)
  if (code === 0 || failed.length > 0) return failed
  return [{ file: undefined, test: existsSync(report) ? 'the ledger that the tests left behind' : undefined }]
}

/** First asked, so that databases stop with it; then made to. */
function end(child: ChildProcess): void {
  const kill = (signal: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal)
    } catch {
      // It has ended by itself.
    }
  }
  kill('SIGTERM')
  setTimeout(() => kill('SIGKILL'), KILL_AFTER_MS).unref()
}

/** Ends every run of tests: for a signal. */
export const endAll = (): void => running.forEach(end)

interface Report {
  testResults: {
    name: string
    status: string
    message: string
    assertionResults: { status: string; fullName: string }[]
  }[]
}

function failedTests(folder: string, report: string): Failed[] {
  if (!existsSync(report)) return []
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report
  return (
    testResults
      .filter(({ status }) => status === 'failed')
      .map(({ name, message, assertionResults }) => ({
        file: relative(folder, name),
        test: assertionResults.find(({ status }) => status === 'failed')?.fullName,
        said: message.split('\n', 1)[0] ?? '',
      }))
      // A file that another's failure has cut off counts as failed too, without a test: it comes last.
      .sort((a, b) => Number(a.test === undefined) - Number(b.test === undefined))
  )
}
