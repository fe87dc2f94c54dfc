import { describe, expect, test } from 'vitest'
import { verifySignedBody } from '../functions/_lib/signed/message.ts'
import { NOW, TRANSFER, TRANSFER_DATA, transferBody } from './support/signed-vectors.ts'
import { solanaWallet } from './support/wallets.ts'

const main = solanaWallet(1)
const refusal = async (body: Record<string, unknown>, now: number) => {
  const verdict = await verifySignedBody(body, TRANSFER, now)
  return verdict.ok ? 'accepted' : verdict.reason
}

describe('the times', () => {
  const at = async (now: number) => await refusal(transferBody(), now)
  test('good to the last millisecond of its window and expired in the next', async () => {
    expect([await at(NOW + 30000), await at(NOW + 30001)]).toEqual(['accepted', 'invalid_message'])
  })
  test('good when ten seconds ahead of the clock and refused a millisecond further', async () => {
    expect([await at(NOW - 10000), await at(NOW - 10001)]).toEqual(['accepted', 'invalid_message'])
  })
  test.each([undefined, null])(
    'without a window (%s) it lives 30 seconds and no longer',
    async (expiryWindow) => {
      const body = await main.body(TRANSFER.type, TRANSFER_DATA, { timestamp: NOW, expiryWindow })
      expect(await refusal(body, NOW + 30000)).toBe('accepted')
      expect(await refusal(body, NOW + 30001)).toBe('invalid_message')
    },
  )
  test.each([0, 300000])('a window of %i is good to its end and no longer', async (expiryWindow) => {
    const body = await main.body(TRANSFER.type, TRANSFER_DATA, { timestamp: NOW, expiryWindow })
    expect(await refusal(body, NOW + expiryWindow)).toBe('accepted')
    expect(await refusal(body, NOW + expiryWindow + 1)).toBe('invalid_message')
  })
})
