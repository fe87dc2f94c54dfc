import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MOVEMENT_KINDS } from '../db/ledger/history.ts'
import { VERBS } from '../db/operate/migrate.ts'

test('the API’s list of movement kinds is the one that the verbs post: none is missing, none is invented', () => {
  const texts = readdirSync(VERBS)
    .filter((name) => name.endsWith('.sql'))
    .map((name) => readFileSync(join(VERBS, name), 'utf8').replace(/--.*/g, ''))
  const kinds = texts.flatMap((text) =>
    [...text.matchAll(/(?<!function )ledger\.post\(\s*([^]*?),/g)].flatMap(([call, kind]) => {
      // A kind that is put together cannot be read here, nor found by anybody who looks for it.
      expect(kind, call).toMatch(/^('\w+'|case [^|]* end)$/)
      return [...kind!.matchAll(/(?<=^|then |else )'(\w+)'/g)].map((match) => match[1])
    }),
  )
  expect(kinds.length).toBeGreaterThan(MOVEMENT_KINDS.length)
  expect([...new Set(kinds)].sort()).toEqual([...MOVEMENT_KINDS].sort())
  // A row has a kind's place in this list: one that moves would rename what was written before.
  const list = /movement_kinds\(\)[^]*?array\[([^\]]*)\]/.exec(texts.join('\n'))?.[1] ?? ''
  expect([...list.matchAll(/'(\w+)'/g)].map((match) => match[1])).toEqual([...MOVEMENT_KINDS])
})
