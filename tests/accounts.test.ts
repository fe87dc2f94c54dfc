import { base58 } from '@scure/base'
import fc from 'fast-check'
import { getAddress, isAddress } from 'viem'
import { describe, expect, test } from 'vitest'
import { checksumAddress, parseAccount } from '../functions/_lib/wallet/accounts.ts'
import { AGENT, HARDWARE_PAIR, MAIN, SUB } from './support/signed-vectors.ts'
import { solanaWallet } from './support/wallets.ts'

const CHECKSUMMED = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
const lower = CHECKSUMMED.toLowerCase()
const upper = '0x' + CHECKSUMMED.slice(2).toUpperCase()

describe('EVM accounts', () => {
  test.each([CHECKSUMMED, lower, upper])('takes %s and stores it in lower case', (text) => {
    expect(parseAccount(text)).toEqual({ kind: 'evm', id: lower })
  })

  test.each(['0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359', '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb'])(
    'takes the EIP-55 example %s',
    (text) => expect(parseAccount(text)?.id).toBe(text.toLowerCase()),
  )

  test.each([
    ['one letter in the wrong case', CHECKSUMMED.replace('A', 'a')],
    ['every case turned round', '0x5AaEB6053f3e94c9B9a09F33669435e7eF1bEaED'],
    ['an upper-case 0X', '0X' + lower.slice(2)],
    ['no 0x', lower.slice(2)],
    ['39 digits', lower.slice(0, -1)],
    ['41 digits', lower + '0'],
    ['a letter past f', lower.slice(0, -1) + 'g'],
    ['a space before', ' ' + lower],
    ['a newline after', lower + '\n'],
    ['a NUL inside', lower.slice(0, 20) + '\0' + lower.slice(21)],
    ['a full-width digit', lower.slice(0, -1) + '\uff11'],
    ['a Cyrillic а', lower.slice(0, 3) + '\u0430' + lower.slice(4)],
    ['a Cyrillic х in 0x', '0\u0445' + lower.slice(2)],
    ['the zero address', '0x' + '0'.repeat(40)],
  ])('refuses %s', (_name, text) => {
    expect(parseAccount(text)).toBeNull()
  })

  test('agrees with viem on every spelling of random addresses', () => {
    const digits = fc.array(fc.constantFrom(...'0123456789abcdefABCDEF'), { minLength: 40, maxLength: 40 })
    fc.assert(
      fc.property(digits, (chars) => {
        const address = `0x${chars.join('')}` as const
        const id = address.toLowerCase()
        expect(checksumAddress(id)).toBe(getAddress(id))
        expect(parseAccount(getAddress(id))).toEqual({ kind: 'evm', id })
        const isOneCase = address.slice(2) === address.slice(2).toUpperCase() || address === id
        expect(parseAccount(address) !== null).toBe(isOneCase || isAddress(address, { strict: true }))
      }),
      { numRuns: 200 },
    )
  })
})

describe('Solana accounts', () => {
  test.each([MAIN, SUB, AGENT, HARDWARE_PAIR.key])('takes %s and keeps its case', (text) => {
    expect(parseAccount(text)).toEqual({ kind: 'solana', id: text })
  })

  test('takes the key of any seed', () => {
    const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })
    fc.assert(
      fc.property(seeds, (seed) => parseAccount(solanaWallet(seed).address)?.kind === 'solana'),
      { numRuns: 50 },
    )
  })

  test.each([
    ['nothing', ''],
    ['another letter case', MAIN.toLowerCase()],
    ['a letter 0', '0' + MAIN.slice(1)],
    ['a letter O', 'O' + MAIN.slice(1)],
    ['a letter I', 'I' + MAIN.slice(1)],
    ['a letter l', 'l' + MAIN.slice(1)],
    ['31 bytes', base58.encode(base58.decode(MAIN).subarray(0, 31))],
    ['33 bytes', base58.encode(Uint8Array.of(1, ...base58.decode(MAIN)))],
    ['a leading 1', '1' + MAIN],
    ['a space after', MAIN + ' '],
    ['a newline after', MAIN + '\n'],
    ['a Cyrillic А', '\u0410' + MAIN.slice(1)],
    ['the system program', '1'.repeat(32)],
    ['the identity point', base58.encode(Uint8Array.of(1, ...new Uint8Array(31)))],
    ['an off-curve key (y = 2)', base58.encode(Uint8Array.of(2, ...new Uint8Array(31)))],
    ['a y over the field', base58.encode(new Uint8Array(32).fill(0xff))],
    ['a very long text', MAIN.repeat(100_000)],
  ])('refuses %s', (_name, text) => {
    expect(parseAccount(text)).toBeNull()
  })

  test.each([undefined, null, 1, {}, [MAIN], { length: 1 }])(
    'refuses %j, which no type keeps out at run time',
    (value) => expect(parseAccount(value as string)).toBeNull(),
  )

  test('any text gives an account or null and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        expect([null, 'evm', 'solana']).toContain(parseAccount(text)?.kind ?? null)
      }),
    )
  })
})
