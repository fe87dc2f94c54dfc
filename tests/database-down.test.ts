import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkInvariants } from '../scripts/stack/invariants.ts'
import { newKey } from './support/client.ts'
import { ownStack } from './support/own-stack.ts'
import { until } from './support/until.ts'

let own: Awaited<ReturnType<typeof ownStack>>
beforeAll(async () => {
  own = await ownStack()
})
afterAll(async () => await own.stop())

const move = { token: 'USDT', direction: 'spot_to_perp', amount: '1' }

describe('a database that is down', () => {
  it('answers internal error or DB_ERROR within 5 s, tells nothing more, and serves by itself when it is back', async () => {
    const { client, stack } = own
    const { account, token } = await client.newAccount({ USDT: '10' })
    await stack.postgres.stop('immediate')
    for (const [path, options, code] of [
      ['/spot/transfer', { token, json: move }, 'internal error'],
      ['/spot/balances', { token }, 'internal error'],
      [
        '/admin/spot/balances/credit',
        { apiKey: client.manifest.adminApiKey, json: { user_address: account, token: 'USDT', amount: '1' } },
        'DB_ERROR',
      ],
    ] as const) {
      const startedAt = Date.now()
      const answer = await client.call(path, options)
      expect([answer.status, answer.body.error]).toEqual([500, code])
      expect(Date.now() - startedAt).toBeLessThan(5_000)
      expect(answer.text).not.toMatch(/ECONN|postgres|127\.0\.0\.1|tidegate_/i)
    }
    await stack.postgres.restart()
    const back = await until(async () => {
      const answer = await client.transfer(token, move)
      return answer.status === 200 ? answer : null
    }, 'service to come back')
    expect(back.body.perp_balance_after).toBe('1')
  })

  it('answers within 5 s when the database hangs, and the row is not left locked', async () => {
    const { client, stack } = own
    const { token } = await client.newAccount({ USDT: '10' })
    stack.proxy.control({ delayMs: 6_000 })
    const startedAt = Date.now()
    const answer = await client.transfer(token, move)
    expect([answer.status, answer.body.error]).toEqual([500, 'internal error'])
    expect(Date.now() - startedAt).toBeLessThan(5_000)
    stack.proxy.control({ delayMs: 0 })
    await until(async () => (await client.transfer(token, move)).status === 200, 'the row to be free')
  })

  it('says of a lost answer that it may have been carried out, and the key then brings the first answer back', async () => {
    const { client, stack } = own
    const { account, token } = await client.newAccount({ USDT: '10' })
    const headers = { 'Idempotency-Key': newKey() }
    stack.proxy.control({ next: [{ kind: 'cutAfterCommit', match: 'ledger.transfer' }] })
    const lost = await client.transfer(token, move, headers)
    expect([lost.status, lost.body.error]).toEqual([500, 'internal error'])
    expect(lost.body.message).toContain('may have been carried out')
    const again = await client.transfer(token, move, headers)
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
    expect(await client.balancesOf(account)).toEqual({ 'perp USDT': '1', 'spot USDT': '9' })
  })

  it('answers 503 and moves nothing when a row stays locked by somebody else', async () => {
    const { client, stack } = own
    const { account, token } = await client.newAccount({ USDT: '10' })
    const { default: pg } = await import('pg')
    const holder = new pg.Client({ connectionString: stack.manifest.databaseUrl })
    await holder.connect()
    await holder.query('begin')
    await holder.query('select 1 from balances where account = $1 for update', [account])
    const answer = await client.transfer(token, move)
    await holder.end()
    expect([answer.status, answer.body.error, answer.headers.get('retry-after')]).toEqual([
      503,
      'SERVICE_BUSY',
      '1',
    ])
    expect(await client.balancesOf(account)).toEqual({ 'spot USDT': '10' })
  })

  it('leaves a sound ledger behind', async () => {
    const results = await checkInvariants(own.stack.manifest.databaseUrl)
    expect(results.filter((result) => result.violations > 0)).toEqual([])
  })
})
