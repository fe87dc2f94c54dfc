import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inject } from 'vitest'

/** The functions' variables as the shared stack gave them: NAME='value' lines. For calling a Worker in this process. */
export async function functionsEnv(): Promise<Record<string, string>> {
  const text = await readFile(join(inject('stackFolder'), 'functions.env'), 'utf8')
  const lines = text.trim().split('\n')
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 2, -1)]),
  )
}
