import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inject } from 'vitest'
import { until } from './until.ts'

/** The lines that the functions have written so far; the runtime adds its own to the same file. */
export async function functionLog(folder: string = inject('stackFolder')): Promise<string[]> {
  const text = await readFile(join(folder, 'functions.log'), 'utf8')
  return text.split('\n').filter((line) => line.startsWith('{'))
}

/** The one line a request leaves in the log of the functions. */
export async function requestLog(
  requestId: string,
  folder: string = inject('stackFolder'),
): Promise<Record<string, unknown>> {
  const line = await until(
    async () =>
      (await functionLog(folder)).find((text) => text.includes(requestId) && text.includes('"outcome"')),
    `the log line of ${requestId}`,
  )
  return JSON.parse(line) as Record<string, unknown>
}
