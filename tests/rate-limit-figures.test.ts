import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { unstable_readConfig as readConfig } from 'wrangler'
import type { Worker } from '../functions/_lib/http/serve.ts'
import { RATES, type RateName } from '../functions/_lib/limits.ts'
import { ratesOf } from '../functions/_lib/http/rate-limit.ts'
import { projectRoot } from '../scripts/stack/manifest.ts'

const config = join(projectRoot, 'wrangler.toml')
const expected = (names: RateName[]) =>
  names.map((name) => ({
    name,
    namespace_id: RATES[name].namespaceId,
    simple: { limit: RATES[name].requestsMax, period: RATES[name].periodSeconds },
  }))
const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)
const files = readdirSync(join(projectRoot, 'functions')).filter((name) => /^(?!index).*\.ts$/.test(name))

test('the gateway has every rate with the figures of limits.ts', () => {
  const { ratelimits } = readConfig({ config }, { hideWarnings: true })
  expect([...ratelimits].sort(byName)).toEqual(expected(Object.keys(RATES) as RateName[]).sort(byName))
})

test.each(files)(
  '%s has the rates its endpoints count, with the figures of limits.ts, and no other',
  async (file) => {
    const worker = (await import(`../functions/${basename(file, '.ts')}.ts`)) as { default: Partial<Worker> }
    const names = [...new Set((worker.default.endpoints ?? []).flatMap(ratesOf))]
    const { ratelimits } = readConfig({ config, env: file.replace(/\.ts$/, '') }, { hideWarnings: true })
    expect([...ratelimits].sort(byName)).toEqual(expected(names).sort(byName))
  },
)

test('every period is one that the platform knows', () => {
  for (const rate of Object.values(RATES)) expect([10, 60]).toContain(rate.periodSeconds)
  expect(new Set(Object.values(RATES).map((rate) => rate.namespaceId)).size).toBe(Object.keys(RATES).length)
})
