import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { settleStage, type SettleStage } from './support/settle.ts'

let s: SettleStage
beforeAll(async () => {
  s = await settleStage()
})
afterEach(async () => {
  // A paid, expired or released withdrawal always leaves a sound ledger behind.
  const broken = await s.broken()
  await s.calm()
  expect(broken).toEqual([])
})
afterAll(async () => await s.stop())

describe('a withdrawal that the vault paid', () => {
  test('leaves the ledger once its event is final, and not one block earlier', async () => {
    const holder = await s.account()
    const row = await s.signed(holder)
    await s.paid(row)
    expect(await s.run()).toMatchObject({ outcome: 'ok', confirmed: 0 })
    expect(await s.balance(holder.id)).toBe('90+10')
    await s.finalize()
    expect(await s.run()).toMatchObject({ outcome: 'ok', confirmed: 1, expired: 0, quarantined: 0 })
    expect(await s.status(row.id)).toBe('confirmed')
    expect(await s.balance(holder.id)).toBe('90')
  })

  test('in the very second of its deadline counts as paid and never comes back', async () => {
    const holder = await s.account()
    const row = await s.signed(holder)
    await s.chain.setAutomine(false)
    await s.submit(row)
    await s.mineAt(row.deadline)
    await s.chain.setAutomine(true)
    expect(await s.now()).toBe(row.deadline)
    await s.mineAt(row.deadline + 100)
    await s.finalize()
    expect(await s.run()).toMatchObject({ confirmed: 1, expired: 0 })
    expect([await s.status(row.id), await s.balance(holder.id)]).toEqual(['confirmed', '90'])
  })

  test('is confirmed long after its deadline when settle was down all the while', async () => {
    const holder = await s.account()
    const [first, second] = [await s.signed(holder), await s.signed(holder)]
    await s.paid(first)
    await s.mineAt(first.deadline + 86_400)
    await s.finalize(30)
    expect(await s.run()).toMatchObject({ confirmed: 1, expired: 1 })
    expect([await s.status(first.id), await s.status(second.id)]).toEqual(['confirmed', 'expired'])
    expect(await s.run()).toMatchObject({ confirmed: 0, expired: 0, logs: 0 })
    expect(await s.balance(holder.id)).toBe('90')
  })

  test('is settled once by two copies of settle that run at once', async () => {
    const holders = await Promise.all(Array.from({ length: 6 }, async () => await s.account()))
    const rows = []
    for (const holder of holders) rows.push(await s.signed(holder), await s.signed(holder))
    for (const row of rows.filter((_, n) => n % 2 === 0)) await s.paid(row)
    await s.mineAt((rows.at(-1)?.deadline ?? 0) + 1)
    await s.finalize()
    const runs = await Promise.all([s.run(), s.run(), s.run()])
    await s.run()
    expect(runs.reduce((sum, run) => sum + run.confirmed, 0)).toBe(6)
    for (const holder of holders) expect(await s.balance(holder.id)).toBe('90')
  })
})

describe('a withdrawal that nobody used', () => {
  test('comes back one second after its deadline and not at it; its slot is taken again by a new one', async () => {
    const holder = await s.account()
    const row = await s.signed(holder)
    await s.mineAt(row.deadline - 2)
    // Blocks of the chain are a second apart: the final one now has exactly the deadline.
    await s.mineAt(row.deadline)
    await s.mineAt(row.deadline + 50)
    await s.mineAt(row.deadline + 51)
    expect(await s.run()).toMatchObject({ outcome: 'ok', expired: 0 })
    expect(await s.status(row.id)).toBe('signed')
    await s.finalize(1)
    expect(await s.run()).toMatchObject({ expired: 1 })
    expect([await s.status(row.id), await s.balance(holder.id)]).toEqual(['expired', '100'])
    expect((await s.signed(holder)).nonce).toBe(row.nonce)
  })

  test('does not come back by the clock on the wall, only by the chain’s', async () => {
    const holder = await s.account()
    const row = await s.signed(holder)
    await s.client.sql(
      `update withdrawals set requested_at = now() - interval '9 days', signed_at = now() - interval '9 days' where id = $1`,
      [row.id],
    )
    expect(await s.run()).toMatchObject({ outcome: 'ok', expired: 0, released: 0 })
    expect(await s.status(row.id)).toBe('signed')
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    await s.run()
    expect(await s.status(row.id)).toBe('expired')
  })

  test('leaves a later slot unused until the earlier one is taken again', async () => {
    const holder = await s.account()
    const early = await s.signed(holder, '10', 100)
    const late = await s.signed(holder, '10', 5_000)
    await s.mineAt(early.deadline + 1)
    await s.finalize()
    expect(await s.run()).toMatchObject({ expired: 1 })
    const again = await s.signed(holder, '10', 5_000)
    expect([early.nonce, late.nonce, again.nonce]).toEqual([0, 1, 0])
    await s.paid(again)
    await s.paid(late)
    await s.finalize()
    expect(await s.run()).toMatchObject({ confirmed: 2 })
    expect(await s.balance(holder.id)).toBe('80')
  })
})

test('a reservation whose request died comes back by the database’s clock, and a younger one stays', async () => {
  const [dead, young] = [await s.account(), await s.account()]
  const row = await s.reserved(dead.id)
  await s.reserved(young.id)
  await s.client.sql(`update withdrawals set requested_at = now() - interval '121 seconds' where id = $1`, [
    row.id,
  ])
  s.stack.rpc.setFaults({ down: 1 })
  expect(await s.run()).toMatchObject({ outcome: 'rpc_unavailable', released: 1 })
  expect([await s.balance(dead.id), await s.balance(young.id)]).toEqual(['100', '90+10'])
  expect(await s.status(row.id)).toBe('released')
  expect((await s.reserved(dead.id)).nonce).toBe(row.nonce)
})
