import { performance } from 'node:perf_hooks'
import pg from 'pg'
import { summary, type Measured } from './driver.ts'
import type { Load } from './variants.ts'

/** One prepared statement in a loop on each of the connections. */
export async function pgLoop(
  databaseUrl: string,
  load: Load,
  text: string,
  parameters: (n: number) => unknown[],
): Promise<Measured> {
  const latencies: number[] = []
  let n = 0
  const start = performance.now() + load.warmupMs
  const end = start + load.ms
  const cpu = process.cpuUsage()
  const loop = async () => {
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    try {
      for (let sentAt = performance.now(); sentAt < end; sentAt = performance.now()) {
        await client.query({ name: 'verb', text, values: parameters((n += 1)) })
        const answeredAt = performance.now()
        if (sentAt >= start && answeredAt <= end) latencies.push(answeredAt - sentAt)
      }
    } finally {
      await client.end()
    }
  }
  await Promise.all(Array.from({ length: load.connections }, loop))
  return summary(latencies, load.ms, process.cpuUsage(cpu))
}
