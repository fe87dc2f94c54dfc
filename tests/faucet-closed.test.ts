import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ownStack } from './support/own-stack.ts'

let own: Awaited<ReturnType<typeof ownStack>>
beforeAll(async () => {
  own = await ownStack({ TESTNET_ONLY: 'True' })
})
afterAll(async () => await own.stop())

const body = { user_address: '0x' + '1'.repeat(40), token: 'USDT', amount: '1' }

describe('the faucet', () => {
  test('is 404 DISABLED for everybody, the right key included, unless TESTNET_ONLY is exactly true', async () => {
    const { client } = own
    for (const apiKey of ['', 'wrong', client.manifest.adminApiKey]) {
      const answer = await client.call('/admin/spot/balances/credit', { apiKey, json: body })
      expect([answer.status, answer.body.error]).toEqual([404, 'DISABLED'])
    }
    expect(await client.rowCounts(body.user_address)).toBe('0 0 0 0')
  })

  test('is closed when no admin key is configured: not even the empty key opens it', async () => {
    const { client, stack } = own
    await stack.restartGateway({ TESTNET_ONLY: 'true', ADMIN_API_KEY: '' })
    for (const apiKey of [undefined, '', ' ', 'undefined', 'null']) {
      const answer = await client.call('/admin/spot/balances/credit', {
        ...(apiKey === undefined ? {} : { apiKey }),
        json: body,
      })
      expect([answer.status, answer.body.error]).toEqual([401, 'UNAUTHORIZED'])
    }
    expect(await client.rowCounts(body.user_address)).toBe('0 0 0 0')
  })
})
