import { describe, expect, test } from 'vitest'
import { entriesOf } from './support/account-rows.ts'
import { clientOf } from './support/client.ts'
import { locksWhileWaiting } from './support/row-locks.ts'

const api = clientOf()
const times = <T>(count: number, work: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)))

describe('transfers at once', () => {
  test('lets exactly one of 100 transfers of the full balance win, and no other moves a thing', async () => {
    const { account, token } = await api.newAccount({ USDT: '1000' })
    const answers = await times(
      100,
      async () => await api.transfer(token, { token: 'USDT', direction: 'spot_to_perp', amount: '1000' }),
    )
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1)
    const refused = answers.filter((answer) => answer.status !== 200)
    for (const answer of refused)
      expect([answer.status, answer.body.error]).toEqual([400, 'INSUFFICIENT_BALANCE'])
    expect(await api.balancesOf(account)).toEqual({ 'perp USDT': '1000', 'spot USDT': '0' })
    const rows = await api.sql(`select 1 from ${entriesOf('array[$1]')} where wallet = 'perp'`, [account])
    expect(rows).toHaveLength(1)
  })

  test('runs opposite directions at once without a deadlock reaching a caller or a cent going astray', async () => {
    const { account, token } = await api.newAccount({ USDT: '1000' })
    await api.transfer(token, { token: 'USDT', direction: 'spot_to_perp', amount: '500' })
    const answers: number[] = []
    // Not all in one queue: on a slow machine the last of it would be told that the row is busy.
    await times(20, async (index) => {
      for (let move = 0; move < 6; move += 1) {
        const direction = (index + move) % 2 ? 'spot_to_perp' : 'perp_to_spot'
        answers.push((await api.transfer(token, { token: 'USDT', direction, amount: '1' })).status)
      }
    })
    expect(answers).toEqual(Array(120).fill(200))
    expect(await api.balancesOf(account)).toEqual({ 'perp USDT': '500', 'spot USDT': '500' })
  })

  test.each(['spot_to_perp', 'perp_to_spot'])(
    'locks perp before spot when it moves %s, so that two ways never wait for each other',
    async (direction) => {
      const { account, token } = await api.newAccount({ USDT: '10' })
      await api.transfer(token, { token: 'USDT', direction: 'spot_to_perp', amount: '5' })
      const [perp, spot] = (['perp', 'spot'] as const).map((wallet) => ({ account, wallet, token: 'USDT' }))
      const transfer = async () => await api.transfer(token, { token: 'USDT', direction, amount: '1' })
      for (const [held, other, isFirst] of [
        [spot!, perp!, true],
        [perp!, spot!, false],
      ] as const) {
        const { otherIsLocked, result } = await locksWhileWaiting(
          api.manifest.databaseUrl,
          held,
          other,
          transfer,
        )
        expect([held.wallet, otherIsLocked, result.status]).toEqual([held.wallet, isFirst, 200])
      }
    },
  )

  test('makes one row of two first credits at once, and both arrive', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { account } = await api.newAccount()
      await times(4, async () => await api.credit(account, 'USDT', '2.5'))
      expect(await api.balancesOf(account)).toEqual({ 'spot USDT': '10' })
    }
  })

  test('gives each of an account’s movements its own version, without a gap', async () => {
    const { account, token } = await api.newAccount({ USDT: '100' })
    await times(
      40,
      async () => await api.transfer(token, { token: 'USDT', direction: 'spot_to_perp', amount: '1' }),
    )
    const rows = await api.sql<{ version: string }>(
      `select version from ${entriesOf('array[$1]')} where wallet = 'spot' order by version`,
      [account],
    )
    expect(rows.map((row) => Number(row.version))).toEqual(
      Array.from({ length: 41 }, (_, index) => index + 1),
    )
  })

  test('shows one account’s movements in the order they happened: ids and versions rise together', async () => {
    const { account, token } = await api.newAccount({ USDT: '100' })
    await times(
      40,
      async () => await api.transfer(token, { token: 'USDT', direction: 'spot_to_perp', amount: '1' }),
    )
    const rows = await api.sql<{ version: string }>(
      `select version from ${entriesOf('array[$1]')} where wallet = 'spot' order by id`,
      [account],
    )
    expect(rows.map((row) => Number(row.version))).toEqual(
      Array.from({ length: 41 }, (_, index) => index + 1),
    )
  })
})
