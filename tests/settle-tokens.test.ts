import { randomBytes } from 'node:crypto'
import { getContractAddress, maxUint256, type Address } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { compileContracts, contractNamed } from '../scripts/stack/compile.ts'
import { tokenAbi } from '../scripts/stack/contract-abi.ts'
import { succeed } from '../scripts/stack/deploy.ts'
import { alertsCommand } from './support/alerts-command.ts'
import { settleStage, type SettleStage } from './support/settle.ts'
import { depositData, storeLog } from './support/stored-log.ts'

const DF = 10n ** 18n
let s: SettleStage
beforeAll(async () => {
  s = await settleStage()
  await s.finalize()
  await s.run()
  // The stage itself changed the signer.
  await s.calm()
})
afterEach(async () => {
  const broken = await s.broken()
  await s.client.sql(
    `select ledger.return_deposit(id, 'next test') from deposits where status = 'unsupported'`,
  )
  await s.calm()
  expect(broken).toEqual([])
})
afterAll(async () => await s.stop())

/** A token that exists on the chain and not in the ledger. */
async function newToken(): Promise<Address> {
  const { abi, bytecode } = contractNamed(await compileContracts(), 'TestToken')
  const nonce = await s.chain.getTransactionCount({ address: s.owner.address })
  await succeed(
    s.chain,
    await s.chain.deployContract({ account: s.owner, abi, bytecode, args: ['Odd', 'ODD', 18] }),
  )
  return getContractAddress({ from: s.owner.address, nonce: BigInt(nonce) })
}
async function list(contract: string, decimals = 18): Promise<string> {
  const symbol = `T${randomBytes(4).toString('hex')}`
  await s.client.sql(
    `insert into tokens (symbol, decimals, chain_id, contract) values ($1, $2, $3, lower($4))`,
    [symbol, decimals, s.stack.manifest.chainId, contract],
  )
  return symbol
}
const depositsOf = async (account: string) =>
  await s.client.sql(
    `select d.status, trim_scale(d.amount)::text as amount, t.kind, trim_scale(t.amount)::text as moved from deposits d
     left join transfers t on t.id = d.transfer_id where d.account = $1 order by d.id`,
    [account],
  )
interface Detail {
  count: number
  more: number
  tokens: { contract: string; count: number; amount_in_wei: string }[]
  deposits: { id: string; account: string; contract: string; amount_in_wei: string }[]
}
const alert = async () =>
  (
    await s.client.sql<{ detail: Detail }>(
      `select detail from alerts where kind = 'deposit_unsupported' and resolved_at is null`,
    )
  ).map(({ detail }) => detail)
const stored = async (account: string, contract: string, wei: bigint) =>
  await storeLog(s.client.sql, {
    ...{ chainId: s.stack.manifest.chainId, vault: s.vault, event: 'deposit' },
    ...{ account, contract, data: depositData(wei) },
  })

// First of all: the tokens below are listed for good, some without a contract.
test('a token whose contract cannot be read is an alert of its own, and the others are checked', async () => {
  const contract = `0x${randomBytes(20).toString('hex')}`
  const symbol = await list(contract)
  await s.account('2000000000')
  await s.client.sql('delete from solvency_checks')
  expect(await s.run()).toMatchObject({ outcome: 'ok' })
  expect(await s.alerts()).toEqual(['solvency_breach', 'token_unreadable'])
  const [unread] = await s.client.sql(`select key, detail - 'block' as detail from alerts where kind = 'token_unreadable' and resolved_at is null`) // prettier-ignore
  const { chainId } = s.stack.manifest
  expect(unread).toEqual({
    key: `token_unreadable ${chainId} ${s.vault} ${symbol}`,
    detail: { chain_id: chainId, vault: s.vault, token: symbol, contract },
  })
  const checked = async () =>
    await s.client.sql(`select token from solvency_checks where token in ('DF', $1) order by token`, [symbol])
  expect(await checked()).toEqual([{ token: 'DF' }])
  // The contract is there after all: the alert closes, that of the other token stays.
  const other = await list(`0x${randomBytes(20).toString('hex')}`)
  await s.chain.setCode({
    address: contract as Address,
    bytecode: (await s.chain.getCode({ address: s.df }))!,
  })
  await s.finalize()
  await s.client.sql('delete from solvency_checks')
  expect(await s.run()).toMatchObject({ outcome: 'ok' })
  expect(await s.client.sql(`select key from alerts where kind = 'token_unreadable' and resolved_at is null`)).toEqual([{ key: `token_unreadable ${chainId} ${s.vault} ${other}` }]) // prettier-ignore
  expect((await checked()).length).toBe(2)
  // It was listed by mistake: with the listing goes the alert.
  await s.client.sql('update tokens set chain_id = null, contract = null where symbol = $1', [other])
  await s.run()
  expect(await s.alerts()).toEqual(['solvency_breach'])
  await s.client.sql('delete from solvency_checks')
  await s.client.sql('delete from tokens where symbol = any($1)', [[symbol, other]])
})

test('a difference of a token that is no longer listed with that contract is over, and one of the others is not', async () => {
  const [mistaken, right] = [await newToken(), await newToken()]
  const [symbol, other] = [await list(mistaken), await list(right)]
  for (const token of [mistaken, right]) {
    const mint = { account: s.owner, address: token, abi: tokenAbi, functionName: 'mint' } as const
    await succeed(s.chain, await s.chain.writeContract({ ...mint, args: [s.vault, 5n * DF] }))
  }
  await s.finalize()
  await s.run()
  const differ = async () =>
    (await s.client.sql<{ token: string }>(`select detail ->> 'token' as token from alerts where kind = 'vault_unexplained' and resolved_at is null order by created_at`)).map(({ token }) => token) // prettier-ignore
  expect((await differ()).sort()).toEqual([symbol, other].sort())
  await s.client.sql('update tokens set contract = lower($2) where symbol = $1', [symbol, await newToken()])
  await s.run()
  expect(await differ()).toEqual([other])
  await s.client.sql('update tokens set chain_id = null, contract = null where symbol = any($1)', [
    [symbol, other],
  ])
  await s.run()
  expect(await differ()).toEqual([])
})

describe('deposits of a token that is not listed', () => {
  test('are all named by one alert, and credited by the next run once it is listed: each once, with its movement', async () => {
    const token = await newToken()
    const [first, second] = [await s.account(), await s.account()]
    await s.deposit(first, token, 2n * DF)
    await s.deposit(first, token, 2n * DF)
    await s.deposit(second, token, 3n * DF)
    await s.finalize()
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 0 })
    const named = (await alert())[0]!
    expect(named).toMatchObject({ count: 3, more: 0 })
    expect(named.deposits.map((one) => [one.account, one.amount_in_wei])).toEqual([
      [first.id, String(2n * DF)],
      [first.id, String(2n * DF)],
      [second.id, String(3n * DF)],
    ])
    const symbol = await list(token)
    // The events are final and stored: no node is needed.
    s.stack.rpc.setFaults({ down: 1 })
    expect(await s.run()).toMatchObject({ deposited: 3 })
    const credited = (amount: string) => ({ status: 'credited', amount, kind: 'deposit', moved: amount })
    expect(await depositsOf(first.id)).toEqual([credited('2'), credited('2')])
    expect(await depositsOf(second.id)).toEqual([credited('3')])
    expect(await s.client.balancesOf(first.id)).toMatchObject({ [`spot ${symbol}`]: '4' })
    expect(await alert()).toEqual([])
    s.stack.rpc.setFaults({})
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 0 })
    await s.client.sql('select ledger.request_rescan(chain_id, vault, 0) from chain_cursors')
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 0, logs: 0 })
    expect(await s.client.balancesOf(second.id)).toMatchObject({ [`spot ${symbol}`]: '3' })
  })

  test('are credited once by runs at once, and stay in the alert where only another token was listed', async () => {
    const [mine, other] = [`0x${randomBytes(20).toString('hex')}`, `0x${randomBytes(20).toString('hex')}`]
    const holder = await s.account()
    for (const contract of [mine, mine, other]) await stored(holder.id, contract, 5n * DF)
    await s.run()
    const symbol = await list(mine)
    const runs = await Promise.all([s.run(), s.run(), s.run()])
    expect(runs.reduce((sum, run) => sum + run.deposited, 0)).toBe(2)
    expect(await s.client.balancesOf(holder.id)).toMatchObject({ [`spot ${symbol}`]: '10' })
    expect(await alert()).toMatchObject([{ count: 1, deposits: [{ contract: other }] }])
  })

  test('are never credited once a person has sent them back, and their coins are then not missing from the vault', async () => {
    const token = await newToken()
    const holder = await s.account()
    await s.deposit(holder, token, 2n * DF)
    await s.deposit(holder, token, 3n * DF)
    await s.finalize()
    await s.run()
    const id = (await alert())[0]!.deposits[0]!.id
    const returned = async () =>
      await alertsCommand(s.stack.manifest.databaseUrl, 'returned', id, '--why', 'sent back in 0x12')
    expect(await returned()).toMatchObject({ code: 0, out: 'returned, and never credited\n' })
    expect(await returned()).toMatchObject({
      code: 1,
      error: expect.stringContaining('there is no such open unsupported deposit'),
    })
    await s.chain.impersonateAccount({ address: s.vault })
    await s.chain.setBalance({ address: s.vault, value: DF })
    const back = { account: s.vault, address: token, abi: tokenAbi, functionName: 'transfer' } as const
    await succeed(s.chain, await s.chain.writeContract({ ...back, args: [holder.wallet.address, 2n * DF] }))
    await s.finalize()
    const symbol = await list(token)
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 1 })
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 0 })
    expect(await s.client.balancesOf(holder.id)).toMatchObject({ [`spot ${symbol}`]: '3' })
    const of = await s.client.sql(
      `select unexplained_in_wei::text as left from vault_coins where contract = lower($1)`,
      [token],
    )
    expect([of, await alert()]).toEqual([[{ left: '0' }], []])
  })

  test('beyond twenty are counted, and the list goes on as the oldest are dealt with', async () => {
    const holder = await s.account()
    const contract = `0x${randomBytes(20).toString('hex')}`
    for (let n = 1; n <= 23; n += 1) await stored(holder.id, contract, BigInt(n))
    await s.run()
    const detail = (await alert())[0]!
    const oldest = detail.deposits[0]!
    expect([detail.count, detail.more, detail.deposits.length]).toEqual([23, 3, 20])
    expect(detail.tokens).toEqual([{ contract, count: 23, amount_in_wei: '276' }])
    // An operator sees each of them.
    const { out } = await alertsCommand(s.stack.manifest.databaseUrl)
    for (let n = 1; n <= 23; n += 1) expect(out).toContain(`is not credited: ${n} of ${contract} in 0x`)
    const back = `select ledger.return_deposit($1, 'sent back') as done`
    expect(await s.client.sql(back, [oldest.id])).toEqual([{ done: true }])
    expect(await s.client.sql(back, [oldest.id])).toEqual([{ done: false }])
    const less = (await alert())[0]!
    expect([less.count, less.more, less.deposits.length]).toEqual([22, 2, 20])
    // What was sent back is not credited as well.
    const symbol = await list(contract, 0)
    expect(await s.run()).toMatchObject({ deposited: 22 })
    expect([await s.client.balancesOf(holder.id), await alert()]).toMatchObject([
      { [`spot ${symbol}`]: String((23 * 24) / 2 - Number(oldest.amount_in_wei)) },
      [],
    ])
  })

  test('too large for the ledger stay recorded when their token is listed, and hold up nobody', async () => {
    const [vast, plain] = [await s.account(), await s.account()]
    const contract = `0x${randomBytes(20).toString('hex')}`
    await stored(vast.id, contract, maxUint256)
    await stored(plain.id, contract, 5n)
    await s.run()
    await list(contract, 0)
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 1 })
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 0 })
    expect([await depositsOf(vast.id), await depositsOf(plain.id)]).toMatchObject([
      [{ status: 'unsupported' }],
      [{ status: 'credited', amount: '5' }],
    ])
    expect(await alert()).toMatchObject([{ count: 1, deposits: [{ account: vast.id }] }])
  })
})

test('deposits that were sent back by signatures of the vault count as gone once, whatever is listed later', async () => {
  const contract = await newToken()
  const holder = await s.account('0.000001')
  await s.deposit(holder, contract, 2n * DF)
  await s.deposit(holder, contract, 3n * DF)
  await s.finalize()
  await s.run()
  // Both in one payment, which the ledger knows nothing of.
  const deadline = (await s.now()) + 600
  const signature = await s.authorize(holder.wallet.address, contract, 5n * DF, 0, deadline)
  await succeed(
    s.chain,
    await s.submit({ wallet: holder.wallet, contract, wei: 5n * DF, deadline, signature }),
  )
  await s.finalize()
  expect(await s.run()).toMatchObject({ quarantined: 1 })
  await s.client.sql(
    `select ledger.resolve_log(chain_id, tx_hash, content_hash, ordinal, false, 'sent back') from chain_logs where status = 'quarantined'`,
  )
  await s.client.sql(`select ledger.return_deposit(id, 'sent back') from deposits where account = $1`, [
    holder.id,
  ])
  const symbol = await list(contract)
  await s.run()
  const told = await s.client.sql(
    `select detail from alerts where kind = 'vault_unexplained' and resolved_at is null and detail ->> 'token' = $1`,
    [symbol],
  )
  expect(told).toEqual([])
})
