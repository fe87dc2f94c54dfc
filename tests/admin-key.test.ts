import { randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { holdsAdminKey } from '../functions/_lib/access/admin-key.ts'
import { sha256Hex } from '../functions/_lib/sha256.ts'

const right = randomBytes(32).toString('hex')
const opens = async (given: string | undefined, expected: string | undefined) =>
  await holdsAdminKey(given, expected).then(
    () => true,
    (error: { code?: string }) => (error.code === 'UNAUTHORIZED' ? false : Promise.reject(error as Error)),
  )

test('the admin key opens, and no key whose digest is equal at any one place does', async () => {
  expect(await opens(right, right)).toBe(true)
  const digest = await sha256Hex(right)
  const shared = new Set<number>()
  for (let n = 0; shared.size < digest.length; n += 1) {
    const wrong = `wrong key ${n}`
    const other = await sha256Hex(wrong)
    for (let at = 0; at < digest.length; at += 1) if (other[at] === digest[at]) shared.add(at)
    if (await opens(wrong, right)) expect.fail(`${wrong} opens`)
  }
})

test('one digit of the digest keeps a key out, wherever it stands', async () => {
  const digest = vi.spyOn(crypto.subtle, 'digest')
  try {
    const opensWhere = async (place: number, byte: number) => {
      const [ours, other] = [new Uint8Array(32), new Uint8Array(32)]
      other[place] = byte
      digest.mockResolvedValueOnce(ours.buffer).mockResolvedValueOnce(other.buffer)
      return await opens('given', 'expected')
    }
    expect(await opensWhere(0, 0)).toBe(true)
    for (let place = 0; place < 32; place += 1)
      for (const byte of [0x01, 0x10])
        expect([place, byte, await opensWhere(place, byte)]).toEqual([place, byte, false])
  } finally {
    digest.mockRestore()
  }
})

test('a key that is longer, shorter, empty or not there does not open, and nothing opens where none is set', async () => {
  for (const given of [
    `${right}0`,
    right.slice(0, -1),
    right.toUpperCase() + ' ',
    '',
    ' ',
    undefined,
    'x'.repeat(513),
  ])
    expect([given, await opens(given, right)]).toEqual([given, false])
  for (const unset of ['', undefined])
    for (const given of [right, '', undefined, 'undefined']) expect(await opens(given, unset)).toBe(false)
  expect(await opens('x'.repeat(513), 'x'.repeat(513))).toBe(false)
})
