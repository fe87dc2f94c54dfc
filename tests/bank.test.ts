import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { clientOf } from './support/client.ts'
import { until } from './support/until.ts'

const api = clientOf()
const CLIENTS = 64
const MOVES = 12
/** How many moves a reader lets pass between two looks: as many looks as there is work, on whatever machine. */
const MOVES_A_LOOK = 6

/** All money of a token in one snapshot: what balances hold, and what system accounts gave or took for it. */
const TOTALS = `
  select token, trim_scale(sum(amount))::text as total from (
    select token, available + frozen as amount from balances
    union all
    select token, available_delta + frozen_delta from entries where wallet = 'system'
  ) everything group by token order by token`

describe('readers who sum everything while 64 clients move money', () => {
  test('see the same total in every snapshot: no money is made, lost or in between', async () => {
    const accounts = await Promise.all(
      Array.from({ length: 8 }, async () => await api.newAccount({ USDT: '1000', DF: '1000' })),
    )
    let moved = 0
    let over = false
    const client = async (index: number) => {
      const { account, token } = accounts[index % accounts.length]!
      for (let move = 0; move < MOVES; move += 1) {
        const kind = (index + move) % 8
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
    const reader = async () => {
      const connection = new pg.Client({ connectionString: api.manifest.databaseUrl })
      await connection.connect()
      for (let next = 0; !over; next = moved + MOVES_A_LOOK) {
        await until(() => over || moved >= next, 'more moves')
        await connection.query('begin isolation level repeatable read read only')
        const { rows } = await connection.query(TOTALS)
        await connection.query('commit')
        seen.add(JSON.stringify(rows))
      }
      await connection.end()
    }
    const readers = [reader(), reader()]
    await Promise.all(Array.from({ length: CLIENTS }, async (_, index) => await client(index)))
    over = true
    await Promise.all(readers)
    // Other tests of this run may have brought in a token; whatever the tokens are, each one's total is zero.
    const totals = [...seen].flatMap((text) => JSON.parse(text) as { token: string; total: string }[])
    expect(totals.filter(({ total }) => total !== '0')).toEqual([])
    expect(new Set(totals.map(({ token }) => token))).toContain('USDT')
  })
})
