/** A node that takes little, and somebody who deposits: for the tests of how settle finds out what it takes. */
import { encodeFunctionData, maxUint256 } from 'viem'
import { expect } from 'vitest'
import { tokenAbi, vaultAbi } from '../../scripts/stack/contract-abi.ts'
import { succeed } from '../../scripts/stack/deploy.ts'
import type { RpcFaults } from '../../scripts/stack/rpc-faults.ts'
import { settleStage } from './settle.ts'

const DF = 10n ** 18n

export async function limitedStage() {
  const s = await settleStage()
  /** Has coins, and the vault may take them: a deposit of its is one transaction in one block. */
  const saver = await s.account()
  const token = { account: saver.wallet, address: s.df, abi: tokenAbi } as const
  await succeed(s.chain, await s.chain.writeContract({ ...token, functionName: 'mint', args: [saver.wallet.address, 1_000_000n * DF] })) // prettier-ignore
  await succeed(s.chain, await s.chain.writeContract({ ...token, functionName: 'approve', args: [s.vault, maxUint256] })) // prettier-ignore
  await s.finalize()
  await s.run()
  await s.calm()

  /** As if no run had been refused anything. */
  const forget = async () => await s.client.sql(`update chain_cursors set node_limits = '[]', behind = 0`)
  const limits = async () =>
    (await s.client.sql<{ node_limits: object[] }>('select node_limits from chain_cursors'))[0]
      ?.node_limits[0]
  /** So many deposits of one coin in so many blocks, all of them final. */
  const deposits = async (times: number): Promise<void> => {
    const data = encodeFunctionData({ abi: vaultAbi, functionName: 'deposit', args: [s.df, DF] })
    for (let n = 0; n < times; n += 1)
      await succeed(s.chain, await s.chain.sendTransaction({ account: saver.wallet, to: s.vault, data, gas: 200_000n })) // prettier-ignore
    await s.finalize()
  }
  /** A few at a time: a busy machine takes long for many. */
  const mine = async (blocks: number): Promise<void> => {
    for (let left = blocks; left > 0; left -= 20) await s.finalize(Math.min(left, 20))
  }
  const held = async () => Number(await s.balance(saver.id))
  const refusals = () => {
    const { maxBatch = 0, maxLogRange = 0, maxLogs = 0, maxAnswerBytes = 0 } = s.stack.rpc.counters().faults
    return maxBatch + maxLogRange + maxLogs + maxAnswerBytes
  }
  /** Two runs: the first finds the node's size, the second knows it. */
  const settledInTwo = async (faults: Partial<RpcFaults>): Promise<void> => {
    const before = await held()
    const words = JSON.stringify(faults)
    await deposits(6)
    s.stack.rpc.setFaults(faults, 1)
    expect(await s.run(), words).toMatchObject({ outcome: 'ok', deposited: 6, alerts: 0 })
    s.stack.rpc.resetCounters()
    await deposits(6)
    expect(await s.run(), words).toMatchObject({ outcome: 'ok', deposited: 6, alerts: 0 })
    expect([words, await held(), refusals()]).toEqual([words, before + 12, 0])
    s.stack.rpc.setFaults({})
  }
  /** What holds after every test, before the next one has a clean desk. */
  const end = async (): Promise<void> => {
    const broken = await s.broken()
    await s.calm()
    await forget()
    expect(broken).toEqual([])
  }
  return { ...s, forget, limits, deposits, mine, held, refusals, settledInTwo, end }
}
