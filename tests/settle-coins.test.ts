/** Every coin that the vault holds is explained: by events, however long a node hid them, or by a person. */
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { getContractAddress, type Address } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { compileContracts, contractNamed } from '../scripts/stack/compile.ts'
import { tokenAbi } from '../scripts/stack/contract-abi.ts'
import { succeed } from '../scripts/stack/deploy.ts'
import { startRpcProxy } from '../scripts/stack/rpc-proxy.ts'
import { alertsCommand } from './support/alerts-command.ts'
import { settleStage, type SettleStage } from './support/settle.ts'
import { until } from './support/until.ts'

const DF = 10n ** 18n
let s: SettleStage
beforeAll(async () => {
  s = await settleStage()
  await s.finalize()
  await s.run()
  await s.calm()
})
afterEach(async () => {
  s.stack.rpc.setFaults({})
  await s.finalize()
  await s.run()
  const left = [await s.broken(), await unexplained()]
  await s.calm()
  expect(left).toEqual([[], []])
})
afterAll(async () => await s.stop())

interface Told {
  token: string
  block: number
  agreed_block: number | null
  surplus?: string
  missing?: string
}
/** What open alerts say of each token. */
const unexplained = async () =>
  (
    await s.client.sql<{ detail: Told }>(
      `select detail from alerts where kind = 'vault_unexplained' and resolved_at is null order by key`,
    )
  ).map(({ detail: { token, surplus, missing } }) => ({
    token,
    ...(surplus && { surplus }),
    ...(missing && { missing }),
  }))
/** A few at a time: a busy machine takes long for many. */
async function mine(blocks: number): Promise<void> {
  for (let left = blocks; left > 0; left -= 50) await s.finalize(Math.min(left, 50))
}
const rescanFrom = async () =>
  (await s.client.sql<{ at: string | null }>('select rescan_from as at from chain_cursors'))[0]?.at ?? null
const sent = async (token: Address, to: Address, units: bigint) =>
  await succeed(s.chain, await s.chain.writeContract({ account: s.owner, address: token, abi: tokenAbi, functionName: 'mint', args: [to, units] })) // prettier-ignore
/** `npm run alerts`, as an operator runs it. */
const alerts = async (...args: string[]) => {
  const { code, out, error } = await alertsCommand(s.stack.manifest.databaseUrl, ...args)
  return { code, text: out + error }
}
const explain = async (...args: string[]) => await alerts('explain', ...args, '--why', 'sent by the treasury')

describe('an event that a node hid for longer than any overlap', () => {
  test('is a deposit: somebody is told the sum at once, and it is credited once when the node shows it', async () => {
    const holder = await s.account()
    await s.deposit(holder, s.df, 5n * DF)
    s.stack.rpc.setFaults({ emptyLogs: 1 })
    for (let blocks = 0; blocks < 700; blocks += 350) {
      await mine(350)
      expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 0 })
    }
    expect([await unexplained(), await s.balance(holder.id), await s.paused()]).toEqual([
      [{ token: 'DF', surplus: '5' }],
      '100',
      false,
    ])
    s.stack.rpc.setFaults({})
    await mine(1_000)
    expect(await s.run()).toMatchObject({ outcome: 'ok', logs: 1, deposited: 1 })
    expect([await unexplained(), await s.balance(holder.id), await s.alerts()]).toEqual([
      [],
      '105',
      ['logs_were_missed'],
    ])
    for (let more = 0; more < 2; more += 1)
      expect(await s.run()).toMatchObject({ outcome: 'ok', logs: 0, deposited: 0 })
    expect([await s.balance(holder.id), await rescanFrom()]).toEqual(['105', null])
  }, 120_000)

  test('is a payment: it is confirmed once, and nothing comes back', async () => {
    const holder = await s.account()
    const row = await s.signed(holder, '10', 100_000)
    await s.paid(row)
    s.stack.rpc.setFaults({ emptyLogs: 1 })
    await mine(600)
    expect(await s.run()).toMatchObject({ outcome: 'ok', confirmed: 0 })
    expect(await unexplained()).toEqual([{ token: 'DF', missing: '10' }])
    s.stack.rpc.setFaults({})
    await mine(10)
    expect(await s.run()).toMatchObject({ confirmed: 1, expired: 0 })
    expect([await unexplained(), await s.status(row.id), await s.balance(holder.id)]).toEqual([
      [],
      'confirmed',
      '90',
    ])
  }, 120_000)

  test('is a deposit and a payment of the same sum: that they agree by chance is seen when one is found', async () => {
    const [saver, payer] = [await s.account(), await s.account()]
    const row = await s.signed(payer, '10', 3_600)
    await s.deposit(saver, s.df, 10n * DF)
    await s.paid(row)
    s.stack.rpc.setFaults({ emptyLogs: 1 })
    await mine(600)
    await s.run()
    expect(await unexplained()).toEqual([])
    s.stack.rpc.setFaults({})
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    await s.run()
    await s.run()
    expect([await s.status(row.id), await s.balance(payer.id), await s.balance(saver.id)]).toEqual([
      'confirmed',
      '90',
      '110',
    ])
    expect(await unexplained()).toEqual([])
  }, 120_000)
})

test('a deposit that one of several nodes hides for good is found at another one, although each run asks the first of them', async () => {
  const holder = await s.account()
  await s.deposit(holder, s.df, 5n * DF)
  await s.finalize()
  const good = await startRpcProxy({ target: s.stack.chain.rpcUrl })
  s.stack.rpc.setFaults({ emptyLogs: 1 })
  const RPC_URL = `${s.stack.rpc.url} ${good.url}`
  for (let runs = 0; runs < 40 && (await s.balance(holder.id)) !== '105'; runs += 1)
    expect(await s.run({ RPC_URL })).toMatchObject({ outcome: 'ok' })
  expect(await s.balance(holder.id)).toBe('105')
  for (let more = 0; more < 3; more += 1) await s.run({ RPC_URL })
  expect([await s.balance(holder.id), await unexplained()]).toEqual(['105', []])
  await good.stop()
})

test('the blocks are read again in parts: each run goes on where the last one ended, and what is due is settled meanwhile', async () => {
  const holder = await s.account()
  await mine(200)
  await s.run()
  await s.deposit(holder, s.df, 5n * DF)
  s.stack.rpc.setFaults({ emptyLogs: 1 })
  await mine(520)
  await s.run()
  // The whole chain is to be read again, by a node that takes few blocks and no batches.
  await s.client.sql('update vault_coins set agreed_block = null')
  await s.client.sql('update chain_cursors set rescan_from = null')
  s.stack.rpc.setFaults({ maxLogRange: 10, maxBatch: 1 })
  const places: number[] = []
  let other = 100
  for (let runs = 0; runs < 30 && (await s.balance(holder.id)) !== `${other + 5}`; runs += 1) {
    await s.deposit(holder, s.df, DF)
    await s.finalize()
    expect(await s.run()).toMatchObject({ outcome: 'ok' })
    other += 1
    places.push(Number((await rescanFrom()) ?? Infinity))
    expect([`${other}`, `${other + 5}`]).toContain(await s.balance(holder.id))
  }
  expect(await s.balance(holder.id)).toBe(`${other + 5}`)
  expect(places.length).toBeGreaterThan(3)
  expect(places).toEqual([...places].sort((a, b) => a - b))
}, 240_000)

describe('coins that came without a deposit', () => {
  test('are told until a person says where they come from; nonsense is refused and records nothing', async () => {
    const before = await s.client.sql('select id from coin_explanations')
    await sent(s.df, s.vault, 7n * DF)
    await s.finalize()
    for (let runs = 0; runs < 3; runs += 1) expect(await s.run()).toMatchObject({ outcome: 'ok', logs: 0 })
    expect(await unexplained()).toEqual([{ token: 'DF', surplus: '7' }])
    const nonsense: [string[], RegExp][] = [
      [['DF', '7.000000000000000001'], /only 7 DF are there without an explanation/],
      [['USDT', '1'], /only 0 USDT/],
      [['USDT', '0.0000001'], /no amount of USDT, which has 6 decimals/],
      [['NONE', '1'], /no such token/],
      [['SOL', '1'], /no such token/],
    ]
    const slips: [string[], RegExp][] = [
      [['DF', '0'], /more than zero/],
      [['DF', '1e3'], /must be whole tokens/],
      [['DF', 'seven'], /must be whole tokens/],
      [['DF'], /usage/],
    ]
    for (const [args, words] of slips)
      expect([args, await explain(...args)]).toEqual([
        args,
        { code: 2, text: expect.stringMatching(words) as string },
      ])
    for (const [args, words] of nonsense)
      expect([args, await explain(...args)]).toEqual([
        args,
        { code: 1, text: expect.stringMatching(words) as string },
      ])
    expect(await alerts('explain', 'DF', '7')).toMatchObject({ code: 2 })
    expect(await alerts('explain', 'DF', '7', '--why', ' ')).toMatchObject({ code: 2 })
    const take = await alerts('take-back', 'DF', '1', '--why', 'x')
    expect(take).toEqual({ code: 1, text: expect.stringMatching(/only 0 DF are missing/) as string })
    expect(await s.client.sql('select id from coin_explanations')).toEqual(before)
    expect(await explain('DF', '7')).toMatchObject({ code: 0 })
  }, 120_000)

  test('are explained in parts, with who and why, and the alert closes with the last', async () => {
    await sent(s.df, s.vault, 7n * DF)
    await s.finalize()
    await s.run()
    const [{ surplus } = {}] = await unexplained()
    const rest = String(Number(surplus) - 5)
    expect(await explain('DF', '5', '--by', 'ann')).toEqual({
      code: 0,
      text: `5 DF are recorded; ${rest} are left to be explained\n`,
    })
    expect(await s.run()).toMatchObject({ outcome: 'ok' })
    expect(await unexplained()).toEqual([{ token: 'DF', surplus: rest }])
    expect(await explain('DF', rest)).toMatchObject({ code: 0 })
    expect(await unexplained()).toEqual([])
    expect(await s.run()).toMatchObject({ outcome: 'ok', alerts: 0 })
    expect(await explain('DF', rest)).toMatchObject({ code: 1 })
    const rows = await s.client.sql<{ by: string; why: string }>(
      `select recorded_by as by, why from coin_explanations where why = 'sent by the treasury' order by id desc limit 2`,
    )
    expect(rows.map(({ by }) => by)).toEqual([
      expect.stringMatching(/^\w+$/),
      expect.stringMatching(/^ann as \w+$/),
    ])
    const changes = [`update coin_explanations set why = 'another'`, 'delete from coin_explanations']
    for (const change of changes) await expect(s.client.sql(change)).rejects.toThrow(/never changed/)
  })

  test('and were a hidden deposit after all are taken back once it is found, and never below nothing', async () => {
    const holder = await s.account()
    await s.deposit(holder, s.df, 3n * DF)
    s.stack.rpc.setFaults({ emptyLogs: 1 })
    await s.finalize()
    await s.run()
    expect(await explain('DF', '3')).toMatchObject({ code: 0 })
    s.stack.rpc.setFaults({})
    expect(await s.run()).toMatchObject({ deposited: 1 })
    expect([await unexplained(), await s.balance(holder.id)]).toEqual([
      [{ token: 'DF', missing: '3' }],
      '103',
    ])
    expect(await explain('DF', '3')).toMatchObject({ code: 1 })
    const take = async (amount: string) => await alerts('take-back', 'DF', amount, '--why', 'was a deposit')
    expect(await take('3.5')).toMatchObject({ code: 1 })
    expect(await take('3')).toMatchObject({ code: 0 })
    expect(await take('3')).toMatchObject({ code: 1 })
    expect(await s.run()).toMatchObject({ outcome: 'ok' })
    expect(await unexplained()).toEqual([])
  })

  test('before their token was listed are nobody’s until a person says so, also on the first look', async () => {
    const file = fileURLToPath(new URL('../scripts/stack/contracts/TestToken.sol', import.meta.url))
    const { abi, bytecode } = contractNamed(await compileContracts([file]), 'TestToken')
    const nonce = await s.chain.getTransactionCount({ address: s.owner.address })
    const args = ['New', 'NEW', 6] as const
    await succeed(s.chain, await s.chain.deployContract({ account: s.owner, abi, bytecode, args }))
    const token = getContractAddress({ from: s.owner.address, nonce: BigInt(nonce) })
    await sent(token, s.vault, 2_500_000n)
    const holder = await s.account()
    await s.deposit(holder, token, 1_000_000n)
    await s.finalize()
    await s.run()
    expect(await unexplained()).toEqual([])
    expect(await explain('NEW', '2.5')).toMatchObject({ code: 1 })
    await s.client.sql(
      `insert into tokens (symbol, decimals, chain_id, contract) values ('NEW', 6, $1, $2)`,
      [...[s.stack.manifest.chainId, token.toLowerCase()]],
    )
    expect(await explain('NEW', '2.5')).toMatchObject({ code: 1 })
    await s.run()
    expect(await unexplained()).toEqual([{ token: 'NEW', surplus: '2.5' }])
    expect(await explain('NEW', '2.5')).toMatchObject({ code: 0 })
    await s.run()
  }, 60_000)
})

/** Coins leave the vault without an event. */
async function taken(units: bigint): Promise<void> {
  const thief = '0x00000000000000000000000000000000000000aa'
  await s.chain.impersonateAccount({ address: s.vault })
  await s.chain.setBalance({ address: s.vault, value: DF })
  const take = { account: s.vault, address: s.df, abi: tokenAbi, functionName: 'transfer' } as const
  await succeed(s.chain, await s.chain.writeContract({ ...take, args: [thief, units] }))
  await s.chain.stopImpersonatingAccount({ address: s.vault })
}
const writeOff = async (...args: string[]) =>
  await alerts('write-off', ...args, '--why', 'sent to the new vault', '--by', 'ann')

describe('coins that are gone without a payment', () => {
  test('are told until a person records them, with who and why, and never more than are missing', async () => {
    await taken(4n * DF)
    await s.finalize()
    for (let runs = 0; runs < 2; runs += 1) expect(await s.run()).toMatchObject({ outcome: 'ok' })
    expect(await unexplained()).toEqual([{ token: 'DF', missing: '4' }])
    expect(await explain('DF', '4')).toMatchObject({ code: 1 })
    expect(await writeOff('DF', '4.000000000000000001')).toEqual({
      code: 1,
      text: expect.stringMatching(/only 4 DF are missing/) as string,
    })
    expect(await writeOff('DF', '1')).toEqual({
      code: 0,
      text: '1 DF are recorded; 3 are left to be explained\n',
    })
    expect(await unexplained()).toEqual([{ token: 'DF', missing: '4' }])
    expect(await writeOff('DF', '3')).toMatchObject({ code: 0 })
    expect(await unexplained()).toEqual([])
    expect(await writeOff('DF', '0.000000000000000001')).toMatchObject({ code: 1 })
    const rows = await s.client.sql(
      `select trim_scale(amount_in_wei / 1e18)::text as amount, recorded_by from coin_explanations where why = 'sent to the new vault' order by id`,
    )
    const by = expect.stringMatching(/^ann as \w+$/) as string
    expect(rows).toEqual([{ amount: '-1', recorded_by: by }, { amount: '-3', recorded_by: by }]) // prettier-ignore
    for (let runs = 0; runs < 3; runs += 1) expect(await s.run()).toMatchObject({ outcome: 'ok', alerts: 0 })
  }, 60_000)

  test('hide no later loss by having been recorded, and are a surplus when they come back', async () => {
    await taken(2n * DF)
    await s.finalize()
    await s.run()
    expect(await writeOff('DF', '2')).toMatchObject({ code: 0 })
    await taken(1n)
    await s.finalize()
    await s.run()
    expect(await unexplained()).toEqual([{ token: 'DF', missing: '0.000000000000000001' }])
    await sent(s.df, s.vault, 2n * DF + 1n)
    await s.finalize()
    await s.run()
    expect(await unexplained()).toEqual([{ token: 'DF', surplus: '2' }])
    expect(await explain('DF', '2')).toMatchObject({ code: 0 })
  }, 60_000)
})

test('the balances are summed while nobody’s cursor is locked', async () => {
  await s.client.sql('delete from solvency_checks')
  const [holder, looker] = [0, 1].map(() => new pg.Client({ connectionString: s.stack.manifest.databaseUrl }))
  await Promise.all([holder!.connect(), looker!.connect()])
  try {
    const { rows } = await holder!.query('select pg_backend_pid() as pid')
    await holder!.query('begin; lock table ledger.balances in access exclusive mode')
    const running = s.run()
    await until(
      async () =>
        (await looker!.query(`select from pg_stat_activity where $1 = any(pg_blocking_pids(pid)) and query like '%check_solvency%'`, [(rows as { pid: number }[])[0]!.pid])).rowCount === 1, // prettier-ignore
      'the sum to wait for the balances',
    )
    const free = await looker!.query('select from chain_cursors for update skip locked')
    await holder!.query('rollback')
    expect([free.rowCount, await running]).toEqual([1, expect.objectContaining({ outcome: 'ok' })])
  } finally {
    await Promise.all([holder!.end(), looker!.end()])
  }
})

describe('what cannot be read', () => {
  test('of one token is nothing decided, and the others are looked at all the same', async () => {
    await s.client.sql(
      `insert into tokens (symbol, decimals, chain_id, contract) values ('GONE', 6, $1, $2)`,
      [...[s.stack.manifest.chainId, `0x${'de'.repeat(20)}`]],
    )
    await sent(s.df, s.vault, DF)
    await s.finalize()
    expect(await s.run()).toMatchObject({ outcome: 'ok' })
    expect(await unexplained()).toEqual([{ token: 'DF', surplus: '1' }])
    expect(await explain('DF', '1')).toMatchObject({ code: 0 })
    await s.client.sql(`delete from tokens where symbol = 'GONE'`)
  })

  test('since the node has dropped the state of that block is no agreement: the run is not ok, and what was told stays', async () => {
    await sent(s.df, s.vault, DF)
    await s.finalize()
    await s.run()
    s.stack.rpc.setFaults({ keptStates: 1 })
    await s.finalize(3)
    expect((await s.run()).outcome).not.toBe('ok')
    expect(await unexplained()).toEqual([{ token: 'DF', surplus: '1' }])
    s.stack.rpc.setFaults({})
    await s.run()
    expect(await explain('DF', '1')).toMatchObject({ code: 0 })
  })
})
