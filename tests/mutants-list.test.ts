import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { AREAS } from './mutants/areas.ts'
import { nameOf, planted } from './mutants/fault.ts'
import { candidates } from './mutants/suggest.ts'

describe('the list of planted faults', () => {
  test('can be planted as it stands: each text is there once, and each test file exists', () => {
    const problems: string[] = []
    for (const area of AREAS)
      for (const [index, fault] of area.faults.entries()) {
        try {
          planted(readFileSync(fault.file, 'utf8'), fault)
          for (const test of fault.tests) if (!existsSync(test)) throw new Error(`there is no ${test}`)
          if (fault.tests.length === 0) throw new Error('no test is named')
        } catch (error) {
          problems.push(`${nameOf(area.name, index)}: ${(error as Error).message}`)
        }
      }
    expect(problems).toEqual([])
  })

  test('has no fault twice, and none that is known to change nothing', () => {
    const keys = AREAS.flatMap(({ faults }) => faults.map(({ file, from, to }) => `${file}\n${from}\n${to}`))
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([])
    const harmless = AREAS.flatMap(({ equivalent = [] }) =>
      equivalent.map(({ file, from, to }) => `${file}\n${from}\n${to}`),
    )
    expect(keys.filter((key) => harmless.includes(key))).toEqual([])
  })
})

describe('suggestions', () => {
  test('name each operator once where it stands, and leave the rest of the text alone', () => {
    const text = [
      'async function f(a: number, b: number) {',
      '  if (a < b) return g(a, b)',
      '  await h(a ?? 1)',
      '  return a === b && b > 2',
      '}',
    ].join('\n')
    expect(candidates('f.ts', text).map(({ operator, line, to }) => [operator, line, to.trim()])).toEqual([
      ['negation', 2, 'if (!(a < b)) return g(a, b)'],
      ['dropped guard', 2, ''],
      ['boundary', 2, 'if (a <= b) return g(a, b)'],
      ['swapped argument', 2, 'if (a < b) return g(b, a)'],
      ['dropped await', 3, 'void h(a ?? 1)'],
      ['default', 3, 'await h(a)'],
      ['and/or', 4, 'return a === b || b > 2'],
      ['comparison', 4, 'return a !== b && b > 2'],
      ['boundary', 4, 'return a === b && b >= 2'],
    ])
  })
})
