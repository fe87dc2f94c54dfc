/** How the house stands: what imports what in the product's code, read from its files. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { projectRoot } from '../scripts/stack/manifest.ts'

const ROOMS_MAX = 12
const LIBRARY = join(projectRoot, 'functions/_lib')

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))

/** The project's own files that a file imports, types included: a circle of types is one for the reader. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+\.ts)'/g)].map(([, path]) =>
    join(dirname(file), path ?? ''),
  )
}

/** A way of imports that ends where it began, if there is one. */
function circleIn(files: readonly string[]): string[] | undefined {
  const done = new Set<string>()
  const walk = (file: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file]
    if (done.has(file)) return undefined
    for (const next of importsOf(file)) {
      const circle = walk(next, [...way, file])
      if (circle) return circle
    }
    done.add(file)
    return undefined
  }
  for (const file of files) {
    const circle = walk(file, [])
    if (circle) return circle.map((one) => relative(projectRoot, one))
  }
  return undefined
}

test('no file of the functions or the ledger imports itself by way of others', () => {
  const files = [...filesOf(join(projectRoot, 'functions')), ...filesOf(join(projectRoot, 'db'))]
  expect(files.length).toBeGreaterThan(100)
  expect(files.flatMap(importsOf).length).toBeGreaterThan(300)
  expect(circleIn(files)).toBeUndefined()
})

test('the shared code is in few rooms, and each has a wall of its own in the lint rules', () => {
  const rooms = readdirSync(LIBRARY).filter((name) => statSync(join(LIBRARY, name)).isDirectory())
  expect(rooms.length).toBeLessThanOrEqual(ROOMS_MAX)
  const rules = readFileSync(join(projectRoot, '.config/eslint.config.js'), 'utf8')
  for (const room of rooms) expect(rules).toMatch(new RegExp(`^ {2}${room}: \\[`, 'm'))
})

test('a limit stands with the limits: no other file gives a figure a name that says so', () => {
  /** What a format fixes, and nobody could choose otherwise, stands with the format. */
  const fixed = ['ACCOUNT_LENGTH_MAX', 'TEXT_BYTES_MAX', 'SECONDS_MAX']
  const files = [...filesOf(join(projectRoot, 'functions')), ...filesOf(join(projectRoot, 'db'))]
  const named = files
    .filter((file) => !file.endsWith('/limits.ts'))
    .flatMap((file) => [
      ...readFileSync(file, 'utf8').matchAll(/^(?:export )?const ([A-Z0-9_]+)\b[^=\n]* = [\d(\[]/gm),
    ])
    .map(([, name = '']) => name)
    .filter((name) => /_(?:MAX|MIN|MS|SECONDS|DEFAULT|BATCH|TRIES|BLOCKS)(?:_|$)/.test(name))
  expect(named.filter((name) => !fixed.includes(name))).toEqual([])
})
