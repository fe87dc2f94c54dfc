/** The limit: the same verb straight at Postgres, prepared, without any of us in between. */
import { execFile, spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Measured } from './driver.ts'
import type { Load } from './variants.ts'

const run = promisify(execFile)

export const pgbenchIsThere = (): boolean => spawnSync('pgbench', ['--version']).status === 0

/** pgbench measures whole seconds and has no warm-up; a run of it is never shorter than one. */
export async function pgbench(databaseUrl: string, load: Load, script: string): Promise<Measured> {
  const url = new URL(databaseUrl)
  const file = join(tmpdir(), `tidegate-pgbench-${process.pid}.sql`)
  await writeFile(file, script)
  const seconds = Math.max(1, Math.round(load.ms / 1000))
  const { stdout } = await run(
    'pgbench',
    [
      ...['--no-vacuum', '--protocol=prepared', `--client=${load.connections}`, '--jobs=2'],
      ...[`--time=${seconds}`, `--file=${file}`, '--progress=1', '--host=127.0.0.1', `--port=${url.port}`],
      ...[`--username=${url.username}`, url.pathname.slice(1)],
    ],
    { env: { ...process.env, PGPASSWORD: url.password } },
  )
  const number = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? NaN)
  return {
    perSecond: number(/^tps = ([0-9.]+)/m),
    // It tells the mean only; the rows are for throughput.
    p50: number(/^latency average = ([0-9.]+)/m),
    p95: NaN,
    count: number(/transactions actually processed: ([0-9]+)/),
    failures: number(/failed transactions: ([0-9]+)/),
    firstFailure: undefined,
    driverCpu: NaN,
  }
}
