import { fileURLToPath } from 'node:url'
import { encodeFunctionData, getContractAddress, type Abi, type Address, type Hex } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { compileContracts, contractNamed } from '../scripts/stack/compile.ts'
import { tokenAbi, vaultAbi } from '../scripts/stack/contract-abi.ts'
import { succeed } from '../scripts/stack/deploy.ts'
import type { RpcFaults } from '../scripts/stack/rpc-faults.ts'
import { alertsCommand } from './support/alerts-command.ts'
import { settleStage, type SettleStage } from './support/settle.ts'
import { depositData, storeForged, storeLog, withdrawalData } from './support/stored-log.ts'
import type { RawLog } from '../db/ledger/record-logs.ts'

const DF = 10n ** 18n
/** A stored log as a node tells it. */
const RAW = 'tx_hash, log_index, block_number::int, block_hash, block_timestamp::int, topics, data'
let s: SettleStage
let several: { abi: Abi; bytecode: Hex }
beforeAll(async () => {
  s = await settleStage()
  const file = fileURLToPath(new URL('./support/contracts/SeveralDeposits.sol', import.meta.url))
  several = contractNamed(await compileContracts([file]), 'SeveralDeposits')
  await s.finalize()
  await s.run()
  await s.calm()
})
afterEach(async () => {
  const broken = await s.broken()
  await s.calm()
  expect(broken).toEqual([])
})
afterAll(async () => await s.stop())

/** A wallet that deposits all of these in one transaction. */
async function depositedAtOnce(amounts: bigint[]): Promise<string> {
  const nonce = await s.chain.getTransactionCount({ address: s.owner.address })
  const { abi, bytecode } = several
  await succeed(s.chain, await s.chain.deployContract({ account: s.owner, abi, bytecode }))
  const address = getContractAddress({ from: s.owner.address, nonce: BigInt(nonce) })
  const data = encodeFunctionData({ abi, functionName: 'deposit', args: [s.vault, s.df, amounts] })
  await succeed(
    s.chain,
    await s.chain.sendTransaction({ account: s.owner, to: address, data, gas: 2_000_000n }),
  )
  return address.toLowerCase()
}
/** Two deposits and a payment in one block, so that a log's place in it is not its place in its transaction. */
async function threeInOneBlock() {
  const [payer, ...savers] = [await s.account(), await s.account(), await s.account()]
  const row = await s.signed(payer)
  const wallets = savers.map(({ wallet }) => wallet)
  for (const account of wallets) {
    const token = { account, address: s.df, abi: tokenAbi } as const
    for (const [functionName, to] of [
      ['mint', account.address],
      ['approve', s.vault],
    ] as const)
      // prettier-ignore
      await succeed(s.chain, await s.chain.writeContract({ ...token, functionName, args: [to, 7n * DF] }))
  }
  await s.chain.setAutomine(false)
  try {
    for (const account of wallets)
      await s.chain.writeContract({ account, address: s.vault, abi: vaultAbi, functionName: 'deposit', args: [s.df, 7n * DF], gas: 300_000n }) // prettier-ignore
    await s.submit(row)
    await s.chain.mine({ blocks: 1 })
  } finally {
    await s.chain.setAutomine(true)
  }
  await s.finalize()
  const ends = async () => [
    ...(await Promise.all(savers.map(async ({ id }) => await s.balance(id)))),
    ...[await s.status(row.id), await s.balance(payer.id), await s.paused()],
  ]
  return { ends, settled: ['107', '107', 'confirmed', '90', false] }
}
const rescan = async () =>
  await s.client.sql('select ledger.request_rescan(chain_id, vault, 0) from chain_cursors')
const setFaults = (...names: (keyof RpcFaults)[]) =>
  s.stack.rpc.setFaults(Object.fromEntries(names.map((name) => [name, 1])))
const forms = ['renumberedLogs', 'repeatedLogs', 'unsortedLogs', 'upperCaseLogs', 'removedLogs'] as const
const everyForm = [...forms]

describe('the same chain through a node that numbers logs within their transaction', () => {
  test.each([
    ['inside the blocks that are read again', async () => {}],
    ['by a rescan from the first block', async () => void (await rescan())],
  ])('%s: nothing is credited or paid twice, and nobody is alarmed', async (_where, ask) => {
    const { ends, settled } = await threeInOneBlock()
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 2, confirmed: 1 })
    expect(await ends()).toEqual(settled)
    await ask()
    setFaults('renumberedLogs')
    const again = { outcome: 'ok', logs: 0, deposited: 0, confirmed: 0, quarantined: 0, alerts: 0 }
    expect(await s.run()).toMatchObject(again)
    expect([s.stack.rpc.counters().faults.renumberedLogs, await ends()]).toEqual([
      expect.any(Number),
      settled,
    ])
    s.stack.rpc.setFaults({})
    await ask()
    expect(await s.run()).toMatchObject(again)
    expect(await ends()).toEqual(settled)
  })

  test('and by a node that counts within the block afterwards', async () => {
    const { ends, settled } = await threeInOneBlock()
    setFaults('renumberedLogs')
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 2, confirmed: 1 })
    s.stack.rpc.setFaults({})
    await rescan()
    expect(await s.run()).toMatchObject({ outcome: 'ok', logs: 0, alerts: 0 })
    expect(await ends()).toEqual(settled)
  })
})

test.each([...forms.map((form) => [form, [form]] as const), ['all of these', everyForm] as const])(
  'an answer with %s says what it says: each event counts once, whichever form came first',
  async (_names, names) => {
    const first = await threeInOneBlock()
    setFaults(...names)
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 2, confirmed: 1, alerts: 0 })
    for (const name of names) expect(s.stack.rpc.counters().faults[name]).toBeGreaterThan(0)
    const twins = await depositedAtOnce([DF, DF, 2n * DF])
    await s.finalize()
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 3 })
    s.stack.rpc.setFaults({})
    await rescan()
    expect(await s.run()).toMatchObject({ outcome: 'ok', logs: 0, alerts: 0 })
    expect([await first.ends(), await s.balance(twins)]).toEqual([first.settled, '4'])
  },
)

describe('two equal deposits in one transaction', () => {
  test('are two, however often and in whatever form they are read', async () => {
    const twins = await depositedAtOnce([DF, DF])
    await s.finalize()
    expect(await s.run()).toMatchObject({ deposited: 2 })
    setFaults(...everyForm)
    await rescan()
    expect(await s.run()).toMatchObject({ outcome: 'ok', logs: 0, deposited: 0 })
    expect(await s.balance(twins)).toBe('2')
    const rows = await s.client.sql(
      `select ordinal, trim_scale(amount)::text as amount from deposits where account = $1 order by ordinal`,
      [twins],
    )
    expect(rows).toEqual([
      { ordinal: 0, amount: '1' },
      { ordinal: 1, amount: '1' },
    ])
  })

  test('of which a node hides one and shows it later are one more then, and never three', async () => {
    const twins = await depositedAtOnce([DF, 3n * DF, DF])
    await s.finalize()
    setFaults('hiddenTwins')
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 2 })
    expect(await s.balance(twins)).toBe('4')
    s.stack.rpc.setFaults({})
    expect(await s.run()).toMatchObject({ outcome: 'ok', logs: 1, deposited: 1 })
    expect([await s.balance(twins), await s.alerts()]).toEqual(['5', ['logs_were_missed']])
    setFaults('hiddenTwins', 'renumberedLogs', 'repeatedLogs')
    await rescan()
    expect(await s.run()).toMatchObject({ logs: 0, deposited: 0 })
    s.stack.rpc.setFaults({})
    expect(await s.run()).toMatchObject({ logs: 0, deposited: 0 })
    expect(await s.balance(twins)).toBe('5')
  })
})

describe('a transaction that is in another block than it was', () => {
  test('within one answer spoils it: nothing is decided, and the next good answer makes it right', async () => {
    const { ends, settled } = await threeInOneBlock()
    const before = await s.cursor()
    setFaults('forkedLogs')
    expect(await s.run()).toMatchObject({ outcome: 'rpc_unavailable', logs: 0, deposited: 0 })
    expect(await s.cursor()).toBe(before)
    s.stack.rpc.setFaults({})
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 2, confirmed: 1, alerts: 0 })
    expect(await ends()).toEqual(settled)
  })

  test('after a reorganisation below the final block is credited once, told once, and pauses signing', async () => {
    const holder = await s.account()
    await s.finalize()
    await s.run()
    const fork = await s.chain.snapshot()
    await s.deposit(holder, s.df, 5n * DF)
    await s.finalize()
    expect(await s.run()).toMatchObject({ deposited: 1 })
    const raw = await Promise.all(
      (await hashesSince(holder.wallet.address)).map(
        async (hash) =>
          await s.chain.request({ method: 'eth_getRawTransactionByHash', params: [hash] } as never),
      ),
    )
    await s.chain.revert({ id: fork })
    await s.chain.mine({ blocks: 1 })
    for (const transaction of raw) await succeed(s.chain, await s.chain.sendRawTransaction({ serializedTransaction: transaction })) // prettier-ignore
    await s.finalize(4)
    expect(await s.run()).toMatchObject({ outcome: 'hash_break' })
    // What the owner does once the other chain is known to be the one that stays.
    const head = await s.chain.getBlock()
    await s.client.sql('update chain_cursors set block_number = $1, block_hash = $2, block_timestamp = $3', [
      ...[Number(head.number), head.hash, Number(head.timestamp)],
    ])
    await s.calm()
    await s.finalize()
    expect(await s.run()).toMatchObject({ outcome: 'ok', logs: 0, deposited: 0 })
    expect([await s.balance(holder.id), await s.paused(), await s.alerts()]).toEqual([
      '105',
      true,
      ['transaction_moved', 'withdrawals_paused'],
    ])
    await s.calm()
    expect(await s.run()).toMatchObject({ outcome: 'ok', logs: 0, alerts: 0 })
    expect([await s.balance(holder.id), await s.paused()]).toEqual(['105', false])
  })

  test('and says something else there is not credited beside what it said before: a person decides', async () => {
    const holder = await s.account()
    await s.deposit(holder, s.df, 5n * DF)
    await s.finalize()
    expect(await s.run()).toMatchObject({ deposited: 1 })
    const [log] = await s.client.sql<RawLog>(`select ${RAW} from chain_logs where account = $1`, [holder.id])
    // As a node of another fork tells it, where the token's fee was another one.
    const elsewhere = { block_number: log!.block_number + 1, block_hash: log!.tx_hash }
    await storeForged(s.client.sql, s.stack.manifest.chainId, s.vault, [
      { ...log!, ...elsewhere, data: depositData(4n) },
    ])
    expect(await s.run()).toMatchObject({ deposited: 0, quarantined: 1 })
    expect([await s.balance(holder.id), await s.paused(), await s.alerts()]).toEqual([
      '105',
      true,
      ['log_quarantined', 'transaction_moved', 'withdrawals_paused'],
    ])
  })
})

/** The account's transactions that are in the chain, oldest first. */
async function hashesSince(address: Address): Promise<Hex[]> {
  const head = Number((await s.chain.getBlock()).number)
  const blocks = await Promise.all(
    Array.from({ length: head + 1 }, async (_, at) => await s.chain.getBlock({ blockNumber: BigInt(at), includeTransactions: true })), // prettier-ignore
  )
  return blocks
    .flatMap((block) => block.transactions)
    .filter(({ from }) => from === address.toLowerCase())
    .map(({ hash }) => hash)
}

test('a quarantined log is named by its transaction, and by what it says where that has several', async () => {
  const alerts = async (...args: string[]) => {
    const { code, out, error } = await alertsCommand(s.stack.manifest.databaseUrl, ...args, '--why', 'looked')
    return { code, text: out + error }
  }
  const holder = await s.account()
  const place = { chainId: s.stack.manifest.chainId, vault: s.vault, contract: s.df }
  const data = withdrawalData(5n, 0)
  const hash = await storeLog(s.client.sql, { ...place, event: 'withdrawal', account: holder.id, data })
  await s.run()
  expect(await alerts('retry', hash.toUpperCase().replace('X', 'x'))).toEqual({
    code: 0,
    text: 'the next run processes it\n',
  })
  const [first] = await s.client.sql<RawLog>(`select ${RAW} from chain_logs where tx_hash = $1`, [hash])
  await storeForged(s.client.sql, place.chainId, s.vault, [first!, { ...first!, log_index: 1 }])
  await s.run()
  const several = await alerts('resolve-log', hash)
  const names = several.text.match(/^[0-9a-f]{64}-\d$/gm)
  expect([several.code, names]).toEqual([1, [expect.stringMatching(/-0$/), expect.stringMatching(/-1$/)]])
  expect(await alerts('resolve-log', hash, names![1]!)).toMatchObject({ code: 0 })
  const states = await s.client.sql('select ordinal, status from chain_logs where tx_hash = $1 order by 1', [hash]) // prettier-ignore
  expect(states).toEqual([
    { ordinal: 0, status: 'quarantined' },
    { ordinal: 1, status: 'resolved' },
  ])
  expect(await alerts('resolve-log', hash, names![1]!)).toMatchObject({ code: 1 })
  expect(await alerts('resolve-log', hash)).toMatchObject({ code: 0 })
})
