import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { clientOf } from './support/client.ts'

const api = clientOf()
const CLIENTS = 64
const SNAPSHOTS_MIN = 200
const LIMIT_MS = 20_000

/** All money of a token in one snapshot: what balances hold, and what system accounts gave or took for it. */
const TOTALS = `
  select token, trim_scale(sum(amount))::text as total from (
    select token, available + frozen as amount from balances
    union all
    select token, available_delta + frozen_delta from entries where wallet = 'system'
  ) everything group by token order by token`

describe('readers who sum everything while 64 clients move money', () => {
  it('see the same total in every snapshot: no money is made, lost or in between', async () => {
    const accounts = await Promise.all(
      Array.from({ length: 8 }, async () => await api.newAccount({ USDT: '1000', DF: '1000' })),
    )
    let over = false
    let moved = 0
    const client = async (index: number) => {
      const { account, token } = accounts[index % accounts.length]!
      while (!over) {
        const kind = (index + moved) % 8
        if (kind === 0) await api.credit(account, 'USDT', '0.5')
        else if (kind === 1)
          await api.call('/spot/withdraw/request', { token, json: { token: 'DF', amount: '1' } })
        else
          await api.transfer(token, {
            token: 'USDT',
            direction: kind % 2 ? 'spot_to_perp' : 'perp_to_spot',
            amount: '0.25',
          })
        moved += 1
      }
    }
    const seen = new Set<string>()
    let snapshots = 0
    const reader = async () => {
      const connection = new pg.Client({ connectionString: api.manifest.databaseUrl })
      await connection.connect()
      while (!over) {
        await connection.query('begin isolation level repeatable read read only')
        const { rows } = await connection.query(TOTALS)
        await connection.query('commit')
        seen.add(JSON.stringify(rows))
        snapshots += 1
      }
      await connection.end()
    }
    const startedAt = Date.now()
    const clients = Array.from({ length: CLIENTS }, async (_, index) => await client(index))
    const readers = [reader(), reader()]
    while ((snapshots < SNAPSHOTS_MIN || moved < 500) && Date.now() - startedAt < LIMIT_MS)
      await new Promise((resolve) => setTimeout(resolve, 20))
    over = true
    await Promise.all([...clients, ...readers])
    expect(snapshots).toBeGreaterThanOrEqual(SNAPSHOTS_MIN)
    expect(moved).toBeGreaterThanOrEqual(500)
    // Other tests of this run may have brought in a token; whatever the tokens are, each one's total is zero.
    const totals = [...seen].flatMap((text) => JSON.parse(text) as { token: string; total: string }[])
    expect(totals.filter(({ total }) => total !== '0')).toEqual([])
    expect(new Set(totals.map(({ token }) => token))).toContain('USDT')
  })
})
