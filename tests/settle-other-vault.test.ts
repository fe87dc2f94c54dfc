import { randomBytes } from 'node:crypto'
import type { Address } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../db/client.ts'
import { otherVaults } from '../db/ledger/other-vaults.ts'
import { reserve } from '../db/ledger/reserve.ts'
import { storeSignature } from '../db/ledger/store-signature.ts'
import { tokenAbi, vaultAbi } from '../scripts/stack/contract-abi.ts'
import { succeed } from '../scripts/stack/deploy.ts'
import { alertsCommand } from './support/alerts-command.ts'
import { settleStage, type SettleStage } from './support/settle.ts'

const DF = 10n ** 18n
const DAY = 86_400
let s: SettleStage
/** The configuration before the move names `s.vault`; this one names another vault on the same chain. */
let moved: { VAULT_ADDRESS: string; VAULT_DEPLOY_BLOCK: string }

beforeAll(async () => {
  s = await settleStage()
  await s.finalize()
  await s.run()
  await move()
  await s.calm()
})
afterEach(async () => {
  const broken = await s.broken()
  await s.calm()
  expect(broken).toEqual([])
})
afterAll(async () => await s.stop())

/** To a new vault, deployed now. */
async function move(): Promise<void> {
  const { vault, block } = await s.deployVault()
  moved = { VAULT_ADDRESS: vault.toLowerCase(), VAULT_DEPLOY_BLOCK: String(block) }
}
const alerts = async (kind: string) =>
  await s.client.sql<{ key: string; detail: Record<string, unknown> }>(
    `select key, detail from alerts where kind = $1 and resolved_at is null order by key`,
    [kind],
  )
const followedKey = () => `vault_followed ${s.stack.manifest.chainId} ${s.vault}`
/** [confirmed, expired, deposited] of all these runs. */
const sum = (runs: { confirmed: number; expired: number; deposited: number }[]) =>
  runs.reduce((all, one) => [all[0]! + one.confirmed, all[1]! + one.expired, all[2]! + one.deposited], [0, 0, 0]) // prettier-ignore
/** A signature stored for a vault that settle does not know. */
async function signedElsewhere(vault: string, chainId = s.stack.manifest.chainId) {
  const holder = await s.account()
  const wish = { account: holder.id, token: 'DF', amount: '10', recipient: holder.id }
  const row = await reserve(s.withdrawals, { ...wish, chainId: s.stack.manifest.chainId, vault, ttlSeconds: 1, idempotency: undefined }) // prettier-ignore
  if (row.outcome !== 'reserved') throw new Error(row.outcome)
  const { id } = row.reservation
  await storeSignature(s.withdrawals, id, `0x${'11'.repeat(65)}`, 0)
  if (chainId !== s.stack.manifest.chainId)
    await s.client.sql(
      `begin; set local session_replication_role = replica; update withdrawals set chain_id = ${chainId} where id = '${id}'; commit`,
    )
  return { holder, id }
}

describe('after the configuration has moved to another vault, a withdrawal signed for the one before', () => {
  test('is confirmed when that vault pays it, also below the new one’s first block, and an alert names the vault meanwhile', async () => {
    const holder = await s.account()
    const [early, late] = [await s.signed(holder), await s.signed(holder)]
    await s.paid(early)
    await move()
    await s.finalize()
    expect(await s.run(moved)).toMatchObject({ outcome: 'ok', confirmed: 1, expired: 0 })
    expect([await s.status(early.id), await s.status(late.id)]).toEqual(['confirmed', 'signed'])
    expect(await alerts('vault_followed')).toMatchObject([
      { key: followedKey(), detail: { vault: s.vault, signed: 2, last_deadline: late.deadline } },
    ])
    await s.paid(late)
    expect(await s.run(moved)).toMatchObject({ confirmed: 0 })
    await s.finalize()
    expect(await s.run(moved)).toMatchObject({ outcome: 'ok', confirmed: 1 })
    expect([await s.status(late.id), await s.balance(holder.id)]).toEqual(['confirmed', '80'])
    await s.run(moved)
    expect(await alerts('vault_followed')).toEqual([])
  })

  test('comes back once that vault’s own counter proves it unused, and not a block earlier', async () => {
    const holder = await s.account()
    const row = await s.signed(holder)
    // The final block is two below the head and has the deadline itself: the vault may still have paid in it.
    for (const after of [-2, 0, 50, 51]) await s.mineAt(row.deadline + after)
    expect(await s.run(moved)).toMatchObject({ outcome: 'ok', expired: 0 })
    expect(await s.status(row.id)).toBe('signed')
    await s.finalize(1)
    expect(await s.run(moved)).toMatchObject({ outcome: 'ok', expired: 1, confirmed: 0 })
    expect([await s.status(row.id), await s.balance(holder.id)]).toEqual(['expired', '100'])
  })

  test('does not come back when that vault paid it and the node hides the event; the new vault’s calm does not close the alert', async () => {
    const holder = await s.account()
    const row = await s.signed(holder)
    await s.paid(row)
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    s.stack.rpc.setFaults({ emptyLogs: 1 })
    for (let n = 0; n < 2; n += 1) {
      expect(await s.run(moved)).toMatchObject({ expired: 0, confirmed: 0 })
      expect(await s.alerts()).toContain('event_missing')
    }
    expect(await s.status(row.id)).toBe('signed')
    s.stack.rpc.setFaults({})
    const runs = [await s.run(moved), await s.run(moved)]
    expect(sum(runs)).toEqual([1, 0, 0])
    expect([await s.status(row.id), await s.balance(holder.id)]).toEqual(['confirmed', '90'])
    await s.run(moved)
    expect(await s.alerts()).not.toContain('event_missing')
  })

  test('ends once when several runs follow both vaults at the same time', async () => {
    const holders = await Promise.all(Array.from({ length: 4 }, async () => await s.account()))
    const rows = []
    for (const holder of holders) rows.push(await s.signed(holder), await s.signed(holder))
    for (const row of rows.filter((_, n) => n % 2 === 0)) await s.paid(row)
    await s.deposit(holders[0]!, s.df, DF, moved.VAULT_ADDRESS as Address)
    await s.mineAt(rows.at(-1)!.deadline + 1)
    await s.finalize()
    const runs = await Promise.all([s.run(moved), s.run(moved), s.run(moved)])
    runs.push(await s.run(moved), await s.run(moved))
    expect(sum(runs)).toEqual([4, 4, 1])
    const balances = await Promise.all(holders.map(async ({ id }) => await s.balance(id)))
    expect(balances).toEqual(['91', '90', '90', '90'])
  })

  test('keeps its account’s counter in doubt only until that vault explains it', async () => {
    const holder = await s.account()
    await s.client.sql(
      `insert into counter_doubts (id, account, chain_id, vault, counter, blocks, created_at, last_seen_at)
       values (gen_random_uuid(), $1, $2, $3, 5, true, now() - interval '1 hour', now() - interval '1 hour')`,
      [holder.id, s.stack.manifest.chainId, s.vault],
    )
    const blocked = async () =>
      (await s.client.sql<{ blocked: boolean }>('select ledger.withdrawals_paused($1) as blocked', [holder.id]))[0]?.blocked // prettier-ignore
    expect(await blocked()).toBe(true)
    await s.mineAt((await s.now()) + 7 * DAY)
    await s.finalize()
    expect(await s.run(moved)).toMatchObject({ outcome: 'ok' })
    expect(await blocked()).toBe(false)
  })
})

describe('deposits into the vault before', () => {
  test('are credited once while it is followed; later ones when the configuration names it again, each once', async () => {
    const [holder, depositor] = [await s.account(), await s.account()]
    const row = await s.signed(holder)
    await s.deposit(depositor, s.df, 3n * DF)
    await s.deposit(depositor, s.df, 4n * DF, moved.VAULT_ADDRESS as Address)
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    expect(await s.run(moved)).toMatchObject({ outcome: 'ok', deposited: 2, expired: 1 })
    expect(await s.balance(depositor.id)).toBe('107')
    await s.deposit(depositor, s.df, 5n * DF)
    await s.finalize()
    expect(await s.run(moved)).toMatchObject({ outcome: 'ok', deposited: 0, expired: 0 })
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 1 })
    expect(await s.run(moved)).toMatchObject({ outcome: 'ok', deposited: 0 })
    expect(await s.balance(depositor.id)).toBe('112')
  })

  test('that were stored and not settled when its last withdrawal ended are settled all the same', async () => {
    const holder = await s.account()
    await s.deposit(holder, s.df, 2n * DF)
    await s.finalize()
    await s.run()
    expect(await s.balance(holder.id)).toBe('102')
    // As if the run before had been cut off between storing and settling.
    await s.deposit(holder, s.df, 2n * DF)
    await s.finalize()
    await s.client.sql(
      'alter function ledger.settle_events(bigint, text, integer) rename to settle_events_gone',
    )
    try {
      await expect(s.run()).rejects.toThrow()
    } finally {
      await s.client.sql(
        'alter function ledger.settle_events_gone(bigint, text, integer) rename to settle_events',
      )
    }
    expect(await s.run(moved)).toMatchObject({ outcome: 'ok', deposited: 1 })
    expect(await s.balance(holder.id)).toBe('104')
  })
})

describe('while two vaults are followed', () => {
  const operator = async (...args: string[]) =>
    await alertsCommand(s.stack.manifest.databaseUrl, ...args, '--why', 'looked', '--by', 'somebody')

  test('a deposit into the one before, hidden for longer than is read again, is found by its coins and credited once', async () => {
    const [holder, depositor] = [await s.account(), await s.account()]
    const row = await s.signed(holder, '10', 1_000_000)
    await s.deposit(depositor, s.df, 6n * DF)
    s.stack.rpc.setFaults({ emptyLogs: 1 })
    for (let blocks = 0; blocks < 700; blocks += 50) await s.finalize(50)
    expect(await s.run(moved)).toMatchObject({ deposited: 0 })
    for (let blocks = 0; blocks < 700; blocks += 50) await s.finalize(50)
    expect(await s.run(moved)).toMatchObject({ deposited: 0 })
    expect(await alerts('vault_unexplained')).toMatchObject([{ detail: { vault: s.vault, surplus: '6' } }])
    s.stack.rpc.setFaults({})
    const runs = [await s.run(moved), await s.run(moved), await s.run(moved)]
    expect(sum(runs)).toEqual([0, 0, 1])
    expect([await s.balance(depositor.id), await alerts('vault_unexplained')]).toEqual(['106', []])
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    expect(await s.run(moved)).toMatchObject({ expired: 1 })
  })

  test('coins without a deposit are explained for the vault that has them', async () => {
    const holder = await s.account()
    const row = await s.signed(holder, '10', 1_000)
    const gift = { account: s.owner, address: s.df, abi: tokenAbi, functionName: 'mint' } as const
    await succeed(
      s.chain,
      await s.chain.writeContract({ ...gift, args: [moved.VAULT_ADDRESS as Address, 9n * DF] }),
    )
    await s.finalize()
    await s.run(moved)
    expect(await alerts('vault_unexplained')).toMatchObject([
      { detail: { vault: moved.VAULT_ADDRESS, surplus: '9' } },
    ])
    expect(await operator('explain', 'DF', '9')).toMatchObject({ code: 0 })
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    expect(await s.run(moved)).toMatchObject({ outcome: 'ok', expired: 1 })
    expect(await alerts('vault_unexplained')).toEqual([])
  })

  test('coins that left the one before without an event keep it followed until a person records them, and no longer', async () => {
    const holder = await s.account()
    const row = await s.signed(holder)
    for (const vault of [s.vault, moved.VAULT_ADDRESS as Address]) {
      await s.chain.impersonateAccount({ address: vault })
      await s.chain.setBalance({ address: vault, value: DF })
      const take = { account: vault, address: s.df, abi: tokenAbi, functionName: 'transfer' } as const
      const units = vault === s.vault ? 3n * DF : DF
      await succeed(s.chain, await s.chain.writeContract({ ...take, args: [s.owner.address, units] }))
      await s.chain.stopImpersonatingAccount({ address: vault })
    }
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    for (let runs = 0; runs < 3; runs += 1) await s.run(moved)
    const told = (await alerts('vault_unexplained')).map(({ detail }) => [detail.vault, detail.missing])
    expect(new Map(told as [string, string][])).toEqual(new Map([[s.vault, '3'], [moved.VAULT_ADDRESS, '1']])) // prettier-ignore
    const unnamed = await operator('write-off', 'DF', '1')
    expect([unnamed.code, unnamed.error]).toEqual([1, expect.stringContaining('name one of')])
    expect(await operator('write-off', 'DF', '3', moved.VAULT_ADDRESS)).toMatchObject({ code: 1 })
    expect(await operator('write-off', 'DF', '1', moved.VAULT_ADDRESS)).toMatchObject({ code: 0 })
    expect(await operator('write-off', 'DF', '3')).toMatchObject({ code: 0 })
    for (let runs = 0; runs < 2; runs += 1) await s.run(moved)
    const others = await otherVaults(connect(s.stack.manifest.loginUrls.settle, 10_000), {
      chainId: s.stack.manifest.chainId,
      vault: moved.VAULT_ADDRESS,
    })
    expect([await alerts('vault_unexplained'), others]).toEqual([[], []])
  })

  test('a counter is accepted for the vault at which it is in doubt; without a doubt the vault must be named', async () => {
    const [doubted, other] = [await s.account(), await s.account()]
    await s.client.sql(
      `insert into counter_doubts (id, account, chain_id, vault, counter, blocks, created_at, last_seen_at)
       values (gen_random_uuid(), $1, $2, $3, 5, true, now(), now())`,
      [doubted.id, s.stack.manifest.chainId, s.vault],
    )
    expect(await operator('accept-counter', doubted.id, '3')).toMatchObject({ code: 0 })
    const refused = await operator('accept-counter', other.id, '4')
    expect([refused.code, refused.error]).toEqual([1, expect.stringContaining(s.vault)])
    expect(refused.error).toContain(moved.VAULT_ADDRESS)
    const unknown = await operator('accept-counter', other.id, '4', `0x${'ab'.repeat(20)}`)
    expect([unknown.code, unknown.error]).toEqual([1, expect.stringContaining('not accepted')])
    expect(await operator('accept-counter', other.id, '4', moved.VAULT_ADDRESS)).toMatchObject({ code: 0 })
    const nonces = await s.client.sql(
      `select account, vault, next_on_chain::int as next from withdrawal_nonces where account = any($1) order by next`,
      [[doubted.id, other.id]],
    )
    expect(nonces).toEqual([
      { account: doubted.id, vault: s.vault, next: 3 },
      { account: other.id, vault: moved.VAULT_ADDRESS, next: 4 },
    ])
  })
})

describe('a withdrawal signed for a vault that settle never followed', () => {
  test('stays as it is and is one alert for all such vaults, whichever address a login named; nobody else waits for it', async () => {
    const strangers = Array.from({ length: 22 }, () => `0x${randomBytes(20).toString('hex')}`).sort()
    const lost = []
    for (const vault of strangers) lost.push(await signedElsewhere(vault))
    const elsewhere = await signedElsewhere(s.vault, 97)
    const holder = await s.account()
    const row = await s.signed(holder)
    await s.paid(row)
    await s.mineAt((await s.now()) + DAY)
    await s.finalize()
    expect(await s.run()).toMatchObject({ outcome: 'ok', confirmed: 1, expired: 0 })
    const [alert, ...more] = await alerts('vault_not_followed')
    expect([more, alert!.detail.count, alert!.detail.more]).toEqual([[], 23, 3])
    expect(alert!.detail.vaults).toMatchObject([
      { chain_id: 97, vault: s.vault, signed: 1 },
      ...strangers.slice(0, 19).map((vault) => ({ vault, signed: 1 })),
    ])
    for (const {
      id,
      holder: { id: account },
    } of [...lost, elsewhere])
      // prettier-ignore
      expect([await s.status(id), await s.balance(account)]).toEqual(['signed', '90+10'])
    expect(await s.client.sql('select vault from chain_cursors where vault = any($1)', [strangers])).toEqual(
      [],
    )
  })
})

test('of several vaults before, the one that was read longest ago is followed first, so that none waits for ever', async () => {
  const { chainId } = s.stack.manifest
  const vaults = Array.from({ length: 3 }, () => `0x${randomBytes(20).toString('hex')}`).sort()
  for (const [at, vault] of vaults.entries()) {
    await signedElsewhere(vault)
    await s.client.sql(
      `insert into chain_cursors (chain_id, vault, block_number, block_hash, block_timestamp, updated_at)
       select chain_id, $1, block_number, block_hash, block_timestamp, now() + make_interval(mins => $2) from chain_cursors where vault = $3`,
      [vault, [2, 1, 3][at], s.vault],
    )
  }
  const first = await otherVaults(connect(s.stack.manifest.loginUrls.settle, 10_000), {
    chainId,
    vault: s.vault,
  })
  expect(first.map(({ vault }) => vault)).toEqual([vaults[1], vaults[0], vaults[2]])
  await s.client.sql('delete from chain_cursors where vault = any($1)', [vaults])
})

test('below the block at which this ledger began to read it, a vault is another ledger’s: nothing of there is ever credited', async () => {
  const old = await s.account('0.000001')
  const { vault } = await s.deployVault()
  const call = { account: old.wallet, abi: tokenAbi, address: s.df } as const
  await succeed(s.chain, await s.chain.writeContract({ ...call, functionName: 'mint', args: [old.wallet.address, 7n * DF] })) // prettier-ignore
  await succeed(
    s.chain,
    await s.chain.writeContract({ ...call, functionName: 'approve', args: [vault, 7n * DF] }),
  )
  const deposit = { account: old.wallet, address: vault, abi: vaultAbi, functionName: 'deposit', args: [s.df, 7n * DF] } as const // prettier-ignore
  const { blockNumber } = await succeed(s.chain, await s.chain.writeContract(deposit))
  await s.finalize(5)
  const here = { VAULT_ADDRESS: vault.toLowerCase(), VAULT_DEPLOY_BLOCK: String(blockNumber + 1n) }
  for (const env of [here, moved]) expect(await s.run(env)).toMatchObject({ outcome: 'ok', deposited: 0 })
  expect(await alertsCommand(s.stack.manifest.databaseUrl, 'rescan', '0', '--why', 'all of it')).toMatchObject({ code: 0 }) // prettier-ignore
  for (let runs = 0; runs < 3; runs += 1) await s.run(moved)
  await s.run(here)
  expect(await s.balance(old.id)).toBe('0.000001')
  expect(await s.client.sql(`select 1 from deposits where account = $1`, [old.id])).toEqual([])
})

describe('what a stolen login signed for a vault that is none of ours', () => {
  /** Vaults that the alert of a run counts. */
  const notFollowed = async () => {
    await s.run()
    return Number((await alerts('vault_not_followed'))[0]?.detail.count ?? 0)
  }
  const operator = async (...args: string[]) => {
    process.env.RPC_URL = s.stack.manifest.rpcUrl
    return await alertsCommand(s.stack.manifest.databaseUrl, ...args, '--why', 'stolen login', '--by', 'me')
  }

  test('is given back by a person once nothing is at that address, with who and why, and its accounts are free again', async () => {
    const vault = `0x${randomBytes(20).toString('hex')}`
    const before = await notFollowed()
    const lost = [await signedElsewhere(vault), await signedElsewhere(vault)]
    await s.client.sql(
      `insert into counter_doubts (id, account, chain_id, vault, counter, blocks, created_at, last_seen_at)
       values (gen_random_uuid(), $1, $2, $3, 5, true, now(), now())`,
      [lost[0]!.holder.id, s.stack.manifest.chainId, vault],
    )
    expect(await notFollowed()).toBe(before + 1)
    expect(await operator('disown', vault)).toMatchObject({ code: 0, out: expect.stringContaining('2 withdrawals are given back, 0 are left') as string }) // prettier-ignore
    for (const { id, holder } of lost)
      expect([await s.status(id), await s.balance(holder.id)]).toEqual(['expired', '100'])
    const [reference] = await s.client.sql<{ reference: object }>(
      `select reference from transfers where kind = 'withdraw_expire' and reference ->> 'withdrawal_id' = $1`,
      [lost[0]!.id],
    )
    expect(reference?.reference).toMatchObject({ vault_disowned: vault, by: expect.stringMatching(/^me as /) as string, why: 'stolen login' }) // prettier-ignore
    expect(await s.client.sql('select ledger.withdrawals_paused($1) as blocked', [lost[0]!.holder.id])).toEqual([{ blocked: false }]) // prettier-ignore
    expect(await notFollowed()).toBe(before)
    expect(await operator('disown', vault)).toMatchObject({
      code: 1,
      error: 'nothing is signed for that vault\n',
    })
  })

  test('is not given back where a vault is at that address, unless somebody has looked; at a vault that settle has followed never', async () => {
    const { vault } = await s.deployVault()
    const { id, holder } = await signedElsewhere(vault.toLowerCase())
    const refused = await operator('disown', vault.toLowerCase())
    expect([refused.code, refused.error]).toEqual([
      1,
      expect.stringMatching(/signer is 0x.*nothing was changed/),
    ])
    expect(await s.status(id)).toBe('signed')
    expect(await operator('disown', vault.toLowerCase(), '--not-ours')).toMatchObject({ code: 0 })
    expect([await s.status(id), await s.balance(holder.id)]).toEqual(['expired', '100'])
    const row = await s.signed(await s.account())
    const followed = await operator('disown', s.vault, String(s.stack.manifest.chainId), '--not-ours')
    expect([followed.code, followed.error]).toEqual([1, expect.stringContaining('settle has followed that vault')]) // prettier-ignore
    expect(await s.status(row.id)).toBe('signed')
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    await s.run()
  })

  test('on another chain is given back only by a node of that chain, or by somebody who has looked', async () => {
    const vault = `0x${randomBytes(20).toString('hex')}`
    const { id } = await signedElsewhere(vault, 97)
    const refused = await operator('disown', vault)
    expect([refused.code, refused.error]).toEqual([1, expect.stringContaining('not 97; nothing was changed')])
    expect(await operator('disown', vault, String(s.stack.manifest.chainId))).toMatchObject({ code: 1 })
    expect(await s.status(id)).toBe('signed')
    expect(await operator('disown', vault, '97', '--not-ours')).toMatchObject({ code: 0 })
    expect(await s.status(id)).toBe('expired')
  })
})

test('blocks that no vault was read up to are not asked for again: such a wish would keep every later one waiting', async () => {
  const wishes = async () => await s.client.sql('select vault, rescan_from from chain_cursors order by vault')
  const before = await wishes()
  const refused = await alertsCommand(s.stack.manifest.databaseUrl, 'rescan', '999999999', '--why', 'a slip')
  expect([refused.code, refused.error]).toEqual([1, expect.stringContaining('nothing to repeat')])
  expect(await wishes()).toEqual(before)
})
