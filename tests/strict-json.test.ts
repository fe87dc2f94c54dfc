import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { JSON_DEPTH_MAX, JSON_VALUES_MAX } from '../functions/_lib/limits.ts'
import { parseStrictJson } from '../functions/_lib/http/strict-json.ts'

const nested = (depth: number, open = '[', close = ']') => open.repeat(depth) + close.repeat(depth)
const message = (text: string) => {
  try {
    parseStrictJson(text)
    return 'taken'
  } catch (error) {
    return (error as Error).message
  }
}
const accepts = (parse: (text: string) => unknown, text: string) => {
  try {
    return { value: parse(text) }
  } catch {
    return 'refused'
  }
}

/** Says by another way (a value tree that knows its repeats) what the scanner must find in the text. */
interface Tree {
  text: string
  depth: number
  values: number
  repeats: boolean
}
const spaced = (text: string) => fc.constantFrom('', ' ', '\n', '\t \r').map((space) => space + text + space)
const nameTexts: Record<string, string[]> = {
  a: ['"a"', '"\\u0061"'],
  '"': ['"\\""', '"\\u0022"'],
  '\\': ['"\\\\"', '"\\u005c"'],
  '': ['""'],
  '{,:}': ['"{,:}"'],
  __proto__: ['"__proto__"'],
  é: ['"é"', '"\\u00e9"'],
}
const name = fc
  .constantFrom(...Object.keys(nameTexts))
  .chain((key) => fc.constantFrom(...(nameTexts[key] ?? [])).map((text) => ({ key, text })))
const leaf = fc
  .oneof(fc.string(), fc.constantFrom('a":1,"a', '{"', '\\"', ']}'), fc.double(), fc.boolean())
  .map((value): Tree => ({ text: JSON.stringify(value), depth: 0, values: 1, repeats: false }))
/** A list or object counts for itself and for what is in it, at least for one. */
const valuesOf = (items: Pick<Tree, 'values'>[]) =>
  1 +
  Math.max(
    1,
    items.reduce((sum, { values }) => sum + values, 0),
  )
const valuesIn = (value: unknown): number =>
  value === null || typeof value !== 'object'
    ? 1
    : valuesOf(Object.values(value).map((inner) => ({ values: valuesIn(inner) })))
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 20, depthSize: 'large' },
    leaf,
    fc.array(tie('tree'), { maxLength: 3 }).map((items) => ({
      text: `[${items.map((item) => item.text).join(',')}]`,
      depth: 1 + Math.max(0, ...items.map((item) => item.depth)),
      values: valuesOf(items),
      repeats: items.some((item) => item.repeats),
    })),
    fc.array(fc.tuple(name, tie('tree')), { maxLength: 4 }).chain((members) =>
      spaced(`{${members.map(([key, value]) => `${key.text} : ${value.text}`).join(',')}}`).map((text) => ({
        text,
        depth: 1 + Math.max(0, ...members.map(([, value]) => value.depth)),
        values: valuesOf(members.map(([, value]) => value)),
        repeats:
          new Set(members.map(([key]) => key.key)).size < members.length ||
          members.some(([, value]) => value.repeats),
      })),
    ),
  ),
}))

describe('parseStrictJson', () => {
  test('takes exactly what JSON.parse takes without repeated names and too deep nesting, and gives the same value', () => {
    const seen = { repeats: 0, deep: 0, good: 0 }
    fc.assert(
      fc.property(tree, (made) => {
        const fine = !made.repeats && made.depth <= JSON_DEPTH_MAX && made.values <= JSON_VALUES_MAX
        seen[made.repeats ? 'repeats' : fine ? 'good' : 'deep'] += 1
        const given = accepts(parseStrictJson, made.text)
        expect(given).toEqual(fine ? { value: JSON.parse(made.text) as unknown } : 'refused')
      }),
      { numRuns: 3000 },
    )
    // A generator that never makes one kind would prove nothing about it.
    expect(Math.min(seen.repeats, seen.good)).toBeGreaterThan(300)
  })

  test('refuses whatever text JSON.parse refuses, and takes any value that has no name twice', () => {
    const scrap = fc.array(
      fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', 'a', '1', ' ', 'true', '\\u0061', '"a":1'),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(scrap, (parts) => {
        const text = parts.join('')
        const plain = accepts(JSON.parse, text)
        const strict = accepts(parseStrictJson, text)
        if (plain === 'refused') expect(strict).toBe('refused')
        else if (strict === 'refused') expect(message(text)).toBe('the body names a member twice')
        else expect(strict).toEqual(plain)
      }),
      { numRuns: 20_000 },
    )
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 10 }), (value) => {
        const text = JSON.stringify(value)
        if (valuesIn(value) > JSON_VALUES_MAX) expect(message(text)).not.toBe('taken')
        else expect(parseStrictJson(text)).toEqual(JSON.parse(text))
      }),
    )
  })

  test('finds a name repeated at any level, however it is written', () => {
    const twice = 'the body names a member twice'
    expect(message('{"a":1,"a":2}')).toBe(twice)
    expect(message('{"a":1,"\\u0061":1}')).toBe(twice)
    expect(message('[{"b":{"a":[1,2],"c":{},"a":1}}]')).toBe(twice)
    expect(message('{"__proto__":1,"__proto__":1}')).toBe(twice)
    expect(message('{"a":{"a":1},"b":[{"a":1},{"a":"a"}],"c":"a"}')).toBe('taken')
    expect(message('{"a":"\\"a\\":1,","b":["a","a"]}')).toBe('taken')
  })

  test(`takes ${JSON_DEPTH_MAX} levels and not one more, also beside closed ones`, () => {
    const deep = `the body is nested deeper than ${JSON_DEPTH_MAX} levels`
    expect(message(nested(JSON_DEPTH_MAX))).toBe('taken')
    expect(message(nested(JSON_DEPTH_MAX + 1))).toBe(deep)
    expect(message(nested(JSON_DEPTH_MAX, '{"a":[', ']}'))).toBe(deep)
    expect(message(nested(8_000))).toBe(deep)
    const many = `[${Array.from({ length: 3 }, () => nested(JSON_DEPTH_MAX - 1)).join()}]`
    expect(message(many)).toBe('taken')
  })

  test(`takes ${JSON_VALUES_MAX} values and not one more, wherever they stand`, () => {
    const many = `the body has more than ${JSON_VALUES_MAX} values`
    const items = (count: number, item: (at: number) => string) =>
      Array.from({ length: count }, (_, at) => item(at))
    for (const [open, item, close] of [
      ['[', () => '0', ']'],
      ['{', (at: number) => `"f${at}":"a,b"`, '}'],
    ] as const) {
      expect(message(open + items(JSON_VALUES_MAX - 1, item).join() + close)).toBe('taken')
      expect(message(open + items(JSON_VALUES_MAX, item).join() + close)).toBe(many)
    }
    expect(message(`[${items(40, () => '[]').join()}]`)).toBe(many)
  })
})
