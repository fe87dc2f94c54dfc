import { describe, expect, test } from 'vitest'
import { clientOf } from './support/client.ts'

const api = clientOf()

describe('reads', () => {
  test('shows each wallet’s own balances by token, and nothing of another account', async () => {
    const { token } = await api.newAccount({ USDT: '10', DF: '1.000000000000000001' })
    await api.transfer(token, { token: 'USDT', direction: 'spot_to_perp', amount: '4' })
    await api.newAccount({ USDT: '99' })
    const spot = await api.call('/spot/balances', { token })
    expect(spot.body).toEqual({
      balances: [
        { token: 'DF', available: '1.000000000000000001', frozen: '0', version: 1 },
        { token: 'USDT', available: '6', frozen: '0', version: 2 },
      ],
    })
    const perp = await api.call('/perp/balances', { token })
    expect(perp.body).toEqual({ balances: [{ token: 'USDT', available: '4', frozen: '0', version: 1 }] })
    expect(spot.headers.get('cache-control')).toBe('no-store')
  })

  test('shows an account without balances as an empty list', async () => {
    const { token } = await api.newAccount()
    expect((await api.call('/spot/balances', { token })).body).toEqual({ balances: [] })
  })

  test('lists tokens to anybody, with what may be done with each', async () => {
    const answer = await api.call('/wallet/tokens')
    expect(answer.body).toMatchObject({ success: true, error: null })
    const { chainId, tokens } = api.manifest
    expect(answer.body.data).toEqual([
      {
        symbol: 'DF',
        decimals: 18,
        chainId,
        contract: tokens.DF?.address.toLowerCase(),
        transferable: false,
        withdrawable: true,
        min_withdraw: '1',
      },
      {
        symbol: 'SOL',
        decimals: 9,
        chainId: null,
        contract: null,
        transferable: false,
        withdrawable: false,
        min_withdraw: '0',
      },
      {
        symbol: 'USDT',
        decimals: 6,
        chainId,
        contract: tokens.USDT?.address.toLowerCase(),
        transferable: true,
        withdrawable: false,
        min_withdraw: '1',
      },
    ])
  })

  test('is healthy while its database answers', async () => {
    expect((await api.call('/health')).body).toEqual({ status: 'ok', database: 'ok' })
  })
})
