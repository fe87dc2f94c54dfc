/** What an Idempotency-Key is, and when two requests are the same one. */
import { expect, test } from 'vitest'
import { idempotencyOf } from '../functions/_lib/http/idempotency.ts'

const taken = async (key: string) =>
  await idempotencyOf(key, {}).then(
    (input) => (input === undefined ? 'ignored' : input.key === key),
    (error: { code?: string }) =>
      error.code === 'INVALID_REQUEST' ? false : Promise.reject(error as unknown as Error),
  )
const hashOf = async (request: unknown) => (await idempotencyOf('k', request))?.requestHash

test('a key is 1 to 255 visible ASCII characters, and whatever else was sent is refused, not ignored', async () => {
  expect(await idempotencyOf(undefined, {})).toBeUndefined()
  for (const key of ['!', '~', 'a'.repeat(255)]) expect([key, await taken(key)]).toEqual([key, true])
  for (const key of ['', ' ', 'a b', 'a'.repeat(256), '\x7f', 'é', 'a\n', '\ta'])
    expect([key, await taken(key)]).toEqual([key, false])
})

test('the same members in another order, at any depth, are the same request', async () => {
  const first = await hashOf({ token: 'USDT', amount: '1', by: { type: 'a', value: 'b' } })
  expect(first).toMatch(/^[0-9a-f]{64}$/)
  expect(await hashOf({ by: { value: 'b', type: 'a' }, amount: '1', token: 'USDT' })).toBe(first)
})

test('each member counts, by its name and by its value: left out, added or changed it is another request', async () => {
  const bodies = [
    { token: 'USDT', direction: 'spot_to_perp', amount: '1' },
    { token: 'DF', amount: '1', recipient: '0x70997970c51812dc3a010c7d01b50e0d17dc79c8' },
    { account: '0xaa', token: 'DF', amount: '1', reason: 'r' },
  ]
  for (const body of bodies) {
    const seen = [await hashOf(body)]
    for (const name of Object.keys(body)) {
      const { [name]: value, ...rest } = body as Record<string, string>
      seen.push(await hashOf(rest), await hashOf({ ...body, [name]: `${value}0` }))
      seen.push(await hashOf({ ...rest, [`${name}_`]: value }), await hashOf({ ...body, [name]: null }))
    }
    seen.push(await hashOf({ ...body, more: '1' }), await hashOf({ ...body, amount: 1 }))
    expect(new Set(seen).size).toBe(seen.length)
  }
  expect(await hashOf([1, 2])).not.toBe(await hashOf([2, 1]))
})
