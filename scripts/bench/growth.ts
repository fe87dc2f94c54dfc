/** What grows with the ledger: a page of history, and a transfer. On a Postgres of its own that is thrown away. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkInvariants } from '../stack/invariants.ts'
import { startNeonProxy } from '../stack/neon-proxy.ts'
import { startPostgres } from '../stack/postgres.ts'
import { historyGrowth } from './history-growth.ts'
import type { Options, Outcome, Section } from './section.ts'
import { transferGrowth } from './transfer-growth.ts'

async function run(options: Options): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-bench-'))
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres') })
  const proxy = await startNeonProxy({ postgresHost: '127.0.0.1', postgresPort: postgres.port })
  try {
    const ledger = await transferGrowth(postgres, proxy.port, join(folder, 'functions'), options)
    const history = await historyGrowth(postgres, proxy.port, options)
    const broken: string[] = []
    for (const database of [...ledger.databases, ...history.databases]) {
      const results = await checkInvariants(postgres.ownerUrl(database))
      broken.push(
        ...results.filter(({ violations }) => violations > 0).map(({ name }) => `${database}: ${name}`),
      )
    }
    return {
      markdown: [ledger.markdown, history.markdown].join('\n\n'),
      ratios: [...ledger.ratios, history.ratio],
      broken,
    }
  } finally {
    await proxy.stop()
    await postgres.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

export const growth: Section = { name: 'growth', run }
