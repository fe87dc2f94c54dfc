/** The machine under a run of settle dies. What was committed stays, the next run does the rest, and nothing is done twice. */
import { encodeFunctionData, type Address, type Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tokenAbi, vaultAbi } from '../scripts/stack/contract-abi.ts'
import { chainClient, succeed, type ChainClient } from '../scripts/stack/deploy.ts'
import { checkInvariants } from '../scripts/stack/invariants.ts'
import type { Stack } from '../scripts/stack/stack.ts'
import type { Client } from './support/client.ts'
import { ownStack } from './support/own-stack.ts'
import { until } from './support/until.ts'
import { requestWithdrawal, rowsOf, takeFromVault } from './support/withdrawals.ts'

let stack: Stack
let client: Client
let stop: () => Promise<void>
let chain: ChainClient
beforeAll(async () => {
  ;({ stack, client, stop } = await ownStack())
  chain = chainClient(stack.manifest.rpcUrl, stack.manifest.chainId)
})
afterAll(async () => await stop())

const DF = () => stack.chain.tokens.DF.address
const settle = async () => expect((await fetch(stack.manifest.settleUrl)).status).toBe(200)

/** A withdrawal that was paid, one that nobody used, both past their deadlines, and a deposit: all final, nothing settled. */
async function work() {
  const [payer, sleeper] = [await client.newAccount({ DF: '5' }), await client.newAccount({ DF: '5' })]
  const paid = await requestWithdrawal(client, payer, '2')
  const unused = await requestWithdrawal(client, sleeper, '2')
  expect([paid.status, unused.status]).toEqual([200, 200])
  expect(await takeFromVault(stack.manifest, payer.wallet, DF(), paid.body)).toBe('success')
  const holder = privateKeyToAccount(stack.chain.accounts[1]!.privateKey)
  const calls: [Address, Hex][] = [
    [DF(), encodeFunctionData({ abi: tokenAbi, functionName: 'approve', args: [stack.chain.vault, 7n] })],
    [stack.chain.vault, encodeFunctionData({ abi: vaultAbi, functionName: 'deposit', args: [DF(), 7n] })],
  ]
  for (const [to, data] of calls)
    await succeed(chain, await chain.sendTransaction({ account: holder, to, data, gas: 300_000n }))
  await chain.setNextBlockTimestamp({ timestamp: BigInt(unused.body.deadline) + 1n })
  await chain.mine({ blocks: 3 })
  const before = (await client.balancesOf(holder.address.toLowerCase()))['spot DF'] ?? '0'
  return { payer, sleeper, depositor: holder.address.toLowerCase(), before }
}

describe('the runtime is killed in the middle of a run', () => {
  test.each([
    [
      'while payments are on their way to Postgres, which may never see them',
      'ledger.settle_events',
      'cancel',
    ],
    ['while payments are on their way to Postgres, which carries them out', 'ledger.settle_events', 'finish'],
    ['while expiries are on their way to Postgres, which carries them out', 'ledger.expire', 'finish'],
  ] as const)(
    '%s: the next run ends every withdrawal and deposit exactly once',
    async (_when, verb, gone) => {
      // Each round moves the chain's time past all deadlines: the next one's lie beyond.
      const ahead = Number((await chain.getBlock()).timestamp) - Math.floor(Date.now() / 1000)
      await stack.restartGateway({ WITHDRAW_TTL_SECONDS: String(Math.max(ahead, 0) + 3_600) })
      const { payer, sleeper, depositor, before } = await work()
      // The call is recorded as it arrives, and its copy goes on after the client has died.
      stack.proxy.control({
        reset: true,
        delayMs: 300,
        onClientAbort: gone,
        next: [{ kind: 'duplicate', match: verb }],
      })
      const dying = fetch(stack.manifest.settleUrl).catch(() => undefined)
      await until(() => stack.proxy.injected().length === 1, `${verb} on its way`)
      await stack.gateway?.kill()
      await dying
      stack.proxy.control({ delayMs: 0, onClientAbort: 'cancel' })
      await stack.restartGateway()
      await settle()
      await settle()
      expect([await rowsOf(client, payer.account), await rowsOf(client, sleeper.account)]).toEqual([
        ['confirmed 0'],
        ['expired 0'],
      ])
      expect([await client.balancesOf(payer.account), await client.balancesOf(sleeper.account)]).toEqual([
        { 'spot DF': '3' },
        { 'spot DF': '5' },
      ])
      const seven = await client.sql<{ gained: boolean }>(
        `select available = $2::numeric + 7e-18 as gained from balances where account = $1 and wallet = 'spot' and token = 'DF'`,
        [depositor, before],
      )
      expect(seven).toEqual([{ gained: true }])
      expect(
        (await checkInvariants(stack.manifest.databaseUrl)).filter((result) => result.violations > 0),
      ).toEqual([])
    },
    120_000,
  )
})
