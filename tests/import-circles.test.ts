/** Files are read from the top down: whoever opens one must not be sent back to the file that sent him there. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, it } from 'vitest'

type Imports = ReadonlyMap<string, readonly string[]>

/** What each TypeScript file of a folder imports of this repository, types too. */
function importsOf(folder: string): Imports {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'))
  return new Map(
    files.map((file) => {
      const path = join(folder, file)
      const named = [...readFileSync(path, 'utf8').matchAll(/(?:from|import)[ (]'(\.[^']+)'/g)]
      return [path, named.map(([, to = '']) => normalize(join(dirname(path), to)))]
    }),
  )
}

/** Each circle once, as the files one walks through. */
function circlesIn(imports: Imports): string[] {
  const done = new Set<string>()
  const circles: string[] = []
  const walk = (file: string, way: string[]) => {
    const at = way.indexOf(file)
    if (at >= 0) circles.push([...way.slice(at), file].join(' -> '))
    if (at >= 0 || done.has(file)) return
    for (const next of imports.get(file) ?? []) walk(next, [...way, file])
    done.add(file)
  }
  for (const file of imports.keys()) walk(file, [])
  return circles
}

it('a circle is found, however long it is, and two ways to the same file are none', () => {
  const imports = new Map([
    ['a', ['b', 'c']],
    ['b', ['d']],
    ['c', ['d']],
    ['d', ['e']],
    ['e', []],
  ])
  expect(circlesIn(imports)).toEqual([])
  expect(circlesIn(new Map([...imports, ['e', ['b']]]))).toEqual(['b -> d -> e -> b'])
})

it.each(['db', 'functions/_lib/settle'])('%s has no circle of imports', (folder) => {
  const imports = importsOf(folder)
  expect(imports.size).toBeGreaterThan(10)
  expect([...imports.values()].flat().length).toBeGreaterThan(imports.size)
  expect(circlesIn(imports)).toEqual([])
})
