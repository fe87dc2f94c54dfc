/** What the runtime that serves the functions spends on a call, without the driver's and Postgres' share. */
import { readFileSync } from 'node:fs'
import type { Driver } from './drive.ts'
import type { Measured } from './driver.ts'
import type { Stage } from './stage.ts'

export const RUNTIME_CONNECTIONS = 8
/** Clock ticks of `/proc` a second, on every Linux there is. */
const TICKS = 100

/** Milliseconds of CPU that the runtime spends on each of these requests, refused ones included. */
export async function runtimeCpu(
  stage: Stage,
  driver: Driver,
  requests: string[],
): Promise<{ cpuMs: number; measured: Measured }> {
  const plan = { port: stage.ports.app ?? 0, requests, connections: RUNTIME_CONNECTIONS }
  const before = cpuSeconds(stage.workerdPid)
  const measured = await driver.run({ ...plan, warmupMs: 0, ms: stage.measureMs })
  const spent = cpuSeconds(stage.workerdPid) - before
  return { cpuMs: (spent * 1000) / (measured.count + measured.failures), measured }
}

/** CPU seconds of a process so far; NaN where the system does not tell. */
function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / TICKS
  } catch {
    return NaN
  }
}
