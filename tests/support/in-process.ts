import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inject } from 'vitest'
import type { Seen } from '../../db/ledger/restores.ts'
import { NOTHING_SEEN, withNews, type News } from '../../functions/_lib/ledger-witness.ts'

/** The functions' variables as the shared stack gave them. For calling a Worker in this process. */
export async function functionsEnv(): Promise<Record<string, string>> {
  const text = await readFile(join(inject('stackFolder'), 'functions.json'), 'utf8')
  return JSON.parse(text) as Record<string, string>
}

/** A binding of the ledger's witness that is well, and remembers what settle's Durable Object would. */
export function witnessBinding() {
  let seen: Seen = NOTHING_SEEN
  const fetch = async (_url: string, { body }: { body?: string } = {}) => {
    const before = seen
    if (body !== undefined) seen = withNews(seen, JSON.parse(body) as News)
    return await Promise.resolve(Response.json(before))
  }
  return { idFromName: (name: string) => name, get: () => ({ fetch }) }
}
