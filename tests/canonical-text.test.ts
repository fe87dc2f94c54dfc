import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import {
  canonicalCandidates,
  canonicalText,
  escapeNonAscii,
  isCanonical,
  type JsonObject,
} from '../functions/_lib/wallet/canonical-text.ts'
import { NOW, TRANSFER_DATA, TRANSFER_TEXT } from './support/signed-vectors.ts'

describe('the canonical text', () => {
  test('is the published text, whatever the order of the fields', () => {
    expect(canonicalText('transfer_spot_asset', TRANSFER_DATA, NOW, 30000)).toBe(TRANSFER_TEXT)
    const reversed = Object.fromEntries(Object.entries(TRANSFER_DATA).reverse())
    expect(canonicalText('transfer_spot_asset', reversed, NOW, 30000)).toBe(TRANSFER_TEXT)
  })

  test('sorts at every level and keeps a key named __proto__', () => {
    const data = JSON.parse('{"b":{"z":1,"__proto__":{"y":[{"d":1,"c":2}]}},"a":""}') as JsonObject
    expect(canonicalText('t', data, 1, null)).toBe(
      '{"data":{"a":"","b":{"__proto__":{"y":[{"c":2,"d":1}]},"z":1}},"expiry_window":null,"timestamp":1,"type":"t"}',
    )
  })

  test.each([undefined, null])(
    'for the window %s tries it absent, null and 30000, in this order',
    (window) => {
      expect(canonicalCandidates('t', {}, 1, window)).toEqual([
        '{"data":{},"timestamp":1,"type":"t"}',
        '{"data":{},"expiry_window":null,"timestamp":1,"type":"t"}',
        '{"data":{},"expiry_window":30000,"timestamp":1,"type":"t"}',
      ])
    },
  )

  test('for a given window tries nothing else', () => {
    expect(canonicalCandidates('t', {}, 1, 0)).toEqual([
      '{"data":{},"expiry_window":0,"timestamp":1,"type":"t"}',
    ])
  })

  test('tries the raw form of non-ASCII text before the escaped one', () => {
    expect(canonicalCandidates('t', { a: 'é' }, 1, 5)).toEqual([
      '{"data":{"a":"é"},"expiry_window":5,"timestamp":1,"type":"t"}',
      '{"data":{"a":"\\u00e9"},"expiry_window":5,"timestamp":1,"type":"t"}',
    ])
  })

  test.each([1.5, 2 ** 53, NaN, Infinity, undefined, 1n, () => 1, [[[[[1]]]]]])(
    'does not take %s, which cannot be written again as it was signed',
    (value) => expect(isCanonical({ value })).toBe(false),
  )

  test('are walked four levels deep and no further', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 1 : { inner: nested(levels - 1) })
    expect(isCanonical(nested(4))).toBe(true)
    expect(isCanonical(nested(5))).toBe(false)
    expect(isCanonical([[[[['deep']]]]])).toBe(false)
  })
})

const TEXTS = {
  plain: 'hello',
  empty: '',
  'quote, backslash, slash': '"\\/ \\" \\u00e9 </script>',
  'every C0 control': Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join(''),
  'DEL and the C1 controls': Array.from({ length: 33 }, (_, at) => String.fromCharCode(0x7f + at)).join(''),
  'Latin-1': 'naïve café ÿ',
  'line and paragraph separators': 'a\u2028b\u2029c',
  Chinese: '转账一百',
  Arabic: 'تحويل',
  emoji: '💸👩‍👩‍👧🏴',
  'last code point': '\u{10ffff}',
  'noncharacters and byte order mark': '\ufeff\ufffe\uffff\ufffd',
  'decomposed accent': 'e\u0301 is not \u00e9',
  'lone high surrogate': 'a\ud800b',
  'lone low surrogate': 'a\udfffb',
  'surrogates the wrong way round': '\udc00\ud800',
}

const PYTHON = `
import json, sys
for line in sys.stdin:
    body = json.loads(line)
    for ascii in (True, False):
        text = json.dumps(body, sort_keys=True, separators=(',', ':'), ensure_ascii=ascii)
        sys.stdout.write(text.encode('utf-8', 'surrogatepass').hex() + '\\n')
`
const python = (input: string) => spawnSync('python3', ['-c', PYTHON], { input, encoding: 'utf8' })
const hasPython = python('').status === 0
const hexOf = (text: string) => Buffer.from(text, 'utf8').toString('hex')

// Named in the report when it is skipped: without an interpreter there is nothing to compare with.
describe.skipIf(!hasPython)(
  `json.dumps of the system's python3${hasPython ? '' : ' (SKIPPED: no python3)'}`,
  () => {
    const bodies = Object.entries(TEXTS).map(([name, text]) => ({
      name,
      data: { memo: text, [`k-${text}`]: 'x' },
    }))
    const input = bodies.map(({ data }) => JSON.stringify({ type: 't', timestamp: NOW, data })).join('\n')
    const lines = hasPython
      ? python(input + '\n')
          .stdout.trim()
          .split('\n')
      : []

    test.each(bodies.map((body, at) => [body.name, body.data, at] as const))(
      'agrees byte for byte on %s, escaped and raw',
      (name, data, at) => {
        const text = canonicalText('t', data, NOW, undefined)
        expect(hexOf(escapeNonAscii(text))).toBe(lines[2 * at])
        // Python's raw form of a lone surrogate is no UTF-8 at all, so no wallet can have signed it.
        if (!name.includes('surrogate')) expect(hexOf(text)).toBe(lines[2 * at + 1])
      },
    )
  },
)
