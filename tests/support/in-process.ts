import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inject } from 'vitest'

/** The functions' variables as the shared stack gave them. For calling a Worker in this process. */
export async function functionsEnv(): Promise<Record<string, string>> {
  const text = await readFile(join(inject('stackFolder'), 'functions.json'), 'utf8')
  return JSON.parse(text) as Record<string, string>
}
