/** What the vault's owner does to the vault, on the real contract: everything here voids signatures, or lets them wait. */
import { encodeFunctionData } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { vaultAbi } from '../scripts/stack/contract-abi.ts'
import { settleStage, type SettleStage } from './support/settle.ts'

let s: SettleStage
beforeAll(async () => {
  s = await settleStage()
})
afterEach(async () => {
  const broken = await s.broken()
  await s.calm()
  expect(broken).toEqual([])
})
afterAll(async () => await s.stop())

const pauseReason = async () =>
  (await s.client.sql<{ reason: string }>('select reason from switches where engaged'))[0]?.reason

/** A signature that is out, and the owner's call some time later, final. */
async function signedThen(data: `0x${string}`) {
  const row = await s.signed(await s.account(), '10', 7_200)
  await s.mineAt((await s.now()) + 300)
  await s.ownerCall(data)
  await s.finalize()
  return row
}

test('the signer that a deployment sets before its first withdrawal is told, and pauses nothing', async () => {
  await s.finalize()
  // Settled late: a withdrawal has been signed meanwhile, by the new signer.
  const row = await s.signed(await s.account())
  expect(await s.run()).toMatchObject({ outcome: 'ok' })
  expect([await s.alerts(), await s.paused()]).toEqual([['vault_signer_changed'], false])
  await s.paid(row)
  await s.finalize()
  expect(await s.run()).toMatchObject({ confirmed: 1 })
})

describe('signing is paused and a person is told', () => {
  const set = (signer: `0x${string}`) =>
    encodeFunctionData({ abi: vaultAbi, functionName: 'setAuthorizationSigner', args: [signer] })

  test('when the vault is paused: what was signed waits, and nothing more is signed', async () => {
    const row = await signedThen(encodeFunctionData({ abi: vaultAbi, functionName: 'pause' }))
    expect(await s.run()).toMatchObject({ outcome: 'ok', quarantined: 0 })
    expect([await s.alerts(), await s.paused()]).toEqual([['vault_paused', 'withdrawals_paused'], true])
    expect(await pauseReason()).toMatch(/^settle: vault_paused in 0x[0-9a-f]{64}$/)
    await expect(s.signed(await s.account())).rejects.toMatchObject({ reason: 'withdrawals_paused' })
    await expect(s.paid(row)).rejects.toThrow()
    // Only a person lets signing go on: that the vault does is no word of the owner's about this ledger.
    await s.ownerCall(encodeFunctionData({ abi: vaultAbi, functionName: 'unpause' }))
    await s.paid(row)
    await s.finalize()
    expect(await s.run()).toMatchObject({ confirmed: 1 })
    expect(await s.paused()).toBe(true)
  })

  test('when the signer changes: what was signed is void, and comes back after its deadline', async () => {
    const row = await signedThen(set(s.owner.address))
    await s.run()
    expect([await s.alerts(), await s.paused()]).toEqual([
      ['vault_signer_changed', 'withdrawals_paused'],
      true,
    ])
    expect(await pauseReason()).toContain('vault_signer_changed')
    await expect(s.paid(row)).rejects.toThrow()
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    expect(await s.run()).toMatchObject({ expired: 1 })
    expect(await s.balance(row.account)).toBe('100')
    await s.ownerCall(set(s.signer.address))
    await s.finalize()
    await s.run()
  })

  test('once, however often the log is read, and a person who resumed, with the configuration as the vault has it now, is not overruled', async () => {
    await signedThen(set(s.owner.address))
    await s.run()
    await s.client.sql(`select ledger.resume_withdrawals('it was us')`)
    await s.client.sql('update alerts set resolved_at = now() where resolved_at is null')
    await s.client.sql('select ledger.request_rescan(chain_id, vault, 0) from chain_cursors')
    expect(await s.run({ SIGNER_ADDRESS: s.owner.address })).toMatchObject({ outcome: 'ok', logs: 0 })
    expect([await s.alerts(), await s.paused()]).toEqual([[], false])
    await s.ownerCall(set(s.signer.address))
    await s.finalize()
    await s.run()
  })

  test('when the domain is renamed, which it can be once: what was signed is void', async () => {
    const data = encodeFunctionData({ abi: vaultAbi, functionName: 'renameDomain', args: ['Another vault'] })
    const row = await signedThen(data)
    await s.run()
    expect([await s.alerts(), await s.paused()]).toEqual([
      ['vault_domain_changed', 'withdrawals_paused'],
      true,
    ])
    await expect(s.paid(row)).rejects.toThrow()
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    await s.run()
    expect([await s.status(row.id), await s.balance(row.account)]).toEqual(['expired', '100'])
  })
})
