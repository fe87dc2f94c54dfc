import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { amountFault, fromUnits, toUnits } from '../functions/_lib/money/amount.ts'

describe('amounts', () => {
  test.each([
    ['1', 18, null],
    ['0.000000000000000001', 18, null],
    ['99999999999999999999.999999999999999999', 18, null],
    ['1.500000', 1, null],
    ['1.51', 1, 'INVALID_AMOUNT'],
    ['1.000001', 6, null],
    ['1.0000001', 6, 'INVALID_AMOUNT'],
    ['1.0', 0, null],
    ['0.1000000000000000000', 18, 'INVALID_AMOUNT'],
    ['0.1', 0, 'INVALID_AMOUNT'],
    ['100000000000000000000', 18, 'INVALID_AMOUNT'],
    ['0', 18, 'AMOUNT_NON_POSITIVE'],
    ['0.000', 18, 'AMOUNT_NON_POSITIVE'],
    ['-0', 18, 'AMOUNT_NON_POSITIVE'],
    ['-0.01', 18, 'AMOUNT_NON_POSITIVE'],
    ['-0.01', 1, 'INVALID_AMOUNT'],
    ['01', 18, 'INVALID_AMOUNT'],
    ['.5', 18, 'INVALID_AMOUNT'],
    ['5.', 18, 'INVALID_AMOUNT'],
    ['1e3', 18, 'INVALID_AMOUNT'],
    ['+1', 18, 'INVALID_AMOUNT'],
    ['1\n', 18, 'INVALID_AMOUNT'],
    ['١', 18, 'INVALID_AMOUNT'],
    ['NaN', 18, 'INVALID_AMOUNT'],
    ['Infinity', 18, 'INVALID_AMOUNT'],
    ['', 18, 'INVALID_AMOUNT'],
    [1, 18, 'INVALID_AMOUNT'],
    [null, 18, 'INVALID_AMOUNT'],
  ])('%j of a token with %i decimals: %s', (text, decimals, fault) => {
    expect(amountFault(text, decimals)).toBe(fault)
  })

  test('become the smallest unit and come back without losing a digit', () => {
    const units = fc.bigInt({ min: 0n, max: 10n ** 20n - 1n })
    fc.assert(
      fc.property(units, fc.integer({ min: 0, max: 18 }), (value, decimals) => {
        const text = fromUnits(value, decimals)
        expect(text).toMatch(/^(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$/)
        expect(toUnits(text, decimals)).toBe(value)
      }),
      { numRuns: 500 },
    )
  })

  test('that a token cannot have are refused, never rounded', () => {
    expect(() => toUnits('1.0000001', 6)).toThrow(RangeError)
    expect(() => toUnits('1e3', 6)).toThrow(RangeError)
    expect(toUnits('1.500', 1)).toBe(15n)
    expect(fromUnits(1n, 18)).toBe('0.000000000000000001')
  })
})
