import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inject } from 'vitest'
import { until } from './until.ts'

/** Everything the functions have written so far. */
export async function functionLog(folder: string = inject('stackFolder')): Promise<string> {
  return await readFile(join(folder, 'functions.log'), 'utf8')
}

/** The one line a request leaves in the log of the functions. */
export async function requestLog(
  requestId: string,
  folder: string = inject('stackFolder'),
): Promise<Record<string, unknown>> {
  const line = await until(
    async () =>
      (await functionLog(folder))
        .split('\n')
        .find((text) => text.startsWith('{') && text.includes(requestId) && text.includes('"outcome"')),
    `the log line of ${requestId}`,
  )
  return JSON.parse(line) as Record<string, unknown>
}
