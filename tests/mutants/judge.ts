/** Runs test files in a copy of the project and says whether one of them failed. */
import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/**
 * `caught`: a test failed. `did not start`: the parts that the tests run on did not come up, which is as loud. `missed`: all
 * tests passed.
 */
export type Verdict = 'caught' | 'did not start' | 'missed'

/** A fault may make something wait for ever: no file of tests takes nearly as long. */
const LIMIT_MS = 600_000

export async function judge(folder: string, tests: string[]): Promise<Verdict> {
  const report = join(folder, '.mutant.json')
  rmSync(report, { force: true })
  const vitest = join(folder, 'node_modules/vitest/vitest.mjs')
  const options = ['--bail=1', '--reporter=json', `--outputFile=${report}`]
  const child = spawn(
    process.execPath,
    [vitest, 'run', '--config', 'tests/vitest.config.ts', ...options, ...tests],
    // A group of its own, so that whatever hangs ends with it.
    { cwd: folder, stdio: 'ignore', detached: true },
  )
  const timer = setTimeout(() => kill(child.pid), LIMIT_MS)
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  clearTimeout(timer)
  if (code === 0) return 'missed'
  return failedTests(report) > 0 ? 'caught' : 'did not start'
}

function kill(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

function failedTests(report: string): number {
  try {
    const { numFailedTests } = JSON.parse(readFileSync(report, 'utf8')) as { numFailedTests: number }
    return numFailedTests
  } catch {
    return 0
  }
}
