/** What the ledger's witness remembers, and what a run concludes from it. */
import { randomUUID } from 'node:crypto'
import { encodeFunctionData, type Address, type Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { giveBack } from '../db/ledger/give-back.ts'
import { authorize, type Authority } from '../functions/_lib/withdraw/withdrawal.ts'
import { vaultAbi } from '../scripts/stack/contract-abi.ts'
import { locksWhileWaiting } from './support/row-locks.ts'
import { settleStage, type SettleStage } from './support/settle.ts'
import { storeLog, withdrawalData } from './support/stored-log.ts'
import { until } from './support/until.ts'
import { DOMAIN_NAME } from './support/vault.ts'
import { withoutTriggers } from './support/without-triggers.ts'

let s: SettleStage
beforeAll(async () => {
  s = await settleStage()
  await s.finalize()
  await s.run()
  await s.calm()
})
afterEach(async () => {
  s.witness.down = false
  await s.client.sql(
    `update restores set reconciled_at = now(), reconciled_by = 'a test', reconciled_why = 'x', signer_after = 'x' where reconciled_at is null`,
  )
  await s.calm()
})
afterAll(async () => await s.stop())

const restores = async () =>
  (await s.client.sql<{ lost: string[] }>('select lost from restores where reconciled_at is null')).map(
    ({ lost }) => lost,
  )

test('what the ledger still has is no restore, also where two runs begin at once or one died on its way to the witness', async () => {
  for (let round = 0; round < 3; round += 1) {
    await Promise.all([s.run(), s.run()])
    const before = s.witness.state
    await s.run()
    s.witness.state = before
  }
  await s.run()
  expect([await restores(), await s.paused(), await s.alerts()]).toEqual([[], false, []])
})

test.each([
  ['a run', (id: string) => (s.witness.state = { ...s.witness.state, mark: id })],
  ['a reservation', (id: string) => (s.witness.state = { ...s.witness.state, reserved: [id] })],
])(
  '%s that is gone pauses signing until somebody has reconciled, and is told once, however often settle runs',
  async (_what, remember) => {
    const id = randomUUID()
    remember(id)
    for (let runs = 0; runs < 3; runs += 1) expect(await s.run()).toMatchObject({ outcome: 'ok' })
    expect([await restores(), await s.paused()]).toEqual([[[id]], true])
    expect(await s.alerts()).toEqual(['ledger_restored', 'withdrawals_paused'])
    await expect(s.client.sql(`select ledger.resume_withdrawals('x')`)).rejects.toThrow(/npm run reconcile/)
    expect(await s.paused()).toBe(true)
  },
)

test('a witness that does not answer is told as an alert, the run goes on, and nothing is forgotten meanwhile', async () => {
  const holder = await s.account()
  await s.deposit(holder, s.df, 10n ** 18n)
  await s.finalize()
  const before = s.witness.state
  s.witness.down = true
  expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 1 })
  expect([await s.alerts(), s.witness.state]).toEqual([['witness_unavailable'], before])
  // What a failed object throws names nobody: without this an operator could not tell what failed.
  expect(await s.client.sql('select detail from alerts where resolved_at is null')).toEqual([
    { detail: { reason: "the ledger's witness failed" } },
  ])
  s.witness.down = false
  expect(await s.run()).toMatchObject({ outcome: 'ok', alerts: 0 })
  expect(s.witness.state.mark).not.toBe(before.mark)
})

test('of a payment whose withdrawal was lost, what the account has left is booked and the rest is a debt, once', async () => {
  const holder = await s.account('4')
  const place = { chainId: s.stack.manifest.chainId, vault: s.vault, contract: s.df }
  s.witness.state = {
    ...s.witness.state,
    mark: randomUUID(),
    signers: { [s.stack.env.SIGNER_ADDRESS!.toLowerCase()]: Date.now() },
  }
  const data = withdrawalData(10n ** 19n, 0)
  await storeLog(s.client.sql, { ...place, event: 'withdrawal', account: holder.id, data })
  await s.finalize()
  expect(await s.run()).toMatchObject({ quarantined: 1 })
  const reconcile = async () =>
    (
      await s.client.sql<{ result: { done: boolean; booked: string[]; left: string[] } }>(
        `select ledger.reconcile('ann', 'x') as result`,
      )
    )[0]!.result
  expect((await reconcile()).booked).toEqual([expect.stringContaining(holder.id)])
  const second = await reconcile()
  expect(second).toMatchObject({ done: false, booked: [] })
  expect(second.left).toContainEqual(expect.stringContaining('1 debts are open'))
  const debts = await s.client.sql(
    'select trim_scale(amount)::text as amount, withdrawal_id from debts where account = $1',
    [holder.id],
  )
  expect([await s.balance(holder.id), debts]).toEqual(['0', [{ amount: '6', withdrawal_id: null }]])
  expect(await s.broken()).toEqual(['nobody owes the exchange for a payment that was also given back'])
  await s.client.sql(`select ledger.settle_debt(id, 'made good') from debts where account = $1`, [holder.id])
  expect(await s.broken()).toEqual([])
})

test('a lost payment is booked also where a later withdrawal has taken its nonce, which is given back by voiding it', async () => {
  const holder = await s.account('30')
  const row = await s.signed(holder)
  s.witness.state = { ...s.witness.state, mark: randomUUID() }
  const place = { chainId: s.stack.manifest.chainId, vault: s.vault, contract: s.df }
  const data = withdrawalData(5n * 10n ** 18n, row.nonce)
  await storeLog(s.client.sql, { ...place, event: 'withdrawal', account: holder.id, data })
  await s.finalize()
  expect(await s.run()).toMatchObject({ quarantined: 1 })
  const [said] = await s.client.sql<{ result: { booked: string[] } }>(
    `select ledger.reconcile('ann', 'x') as result`,
  )
  expect([said!.result.booked.length, await s.balance(holder.id)]).toEqual([1, '15+10'])
  await s.client.sql(`select ledger.void_withdrawal($1, 'x')`, [row.id])
  expect([await s.balance(holder.id), await s.broken()]).toEqual(['25', []])
})

test('lost payments are booked in the order of the chain, and their accounts locked in the order of every verb', async () => {
  const [older, newer] = [await s.account('1'), await s.account('1')]
  const holders = [newer, older]
  s.witness.state = { ...s.witness.state, mark: randomUUID() }
  const place = { chainId: s.stack.manifest.chainId, vault: s.vault, contract: s.df }
  // The account with the higher number was paid first.
  const logs = []
  for (const { id: account } of holders)
    logs.push(await storeLog(s.client.sql, { ...place, event: 'withdrawal', account, data: withdrawalData(10n ** 18n, 0) })) // prettier-ignore
  await withoutTriggers(
    async (text) => await s.client.sql(text),
    `update chain_logs set block_number = 2 where tx_hash = '${logs[1]}'`,
  )
  await s.finalize()
  expect(await s.run()).toMatchObject({ quarantined: 2 })
  const [last, first] = holders.map(({ id: account }) => ({ account, wallet: 'spot', token: 'DF' }) as const)
  const { otherIsLocked } = await locksWhileWaiting(s.stack.manifest.databaseUrl, first!, last!, async () =>
    await s.client.sql(`select ledger.reconcile('ann', 'x')`),
  ) // prettier-ignore
  expect(otherIsLocked).toBe(false)
  expect(await Promise.all(holders.map(async ({ id }) => await s.balance(id)))).toEqual(['0', '0'])
})

/** What of a withdrawal a standby has that takes over and was a moment behind. */
async function unsign(id: string): Promise<void> {
  await withoutTriggers(
    async (text) => await s.client.sql(text),
    `update withdrawals set status = 'reserved', signature = null, signed_at = null where id = '${id}'`,
  )
}
const grownOld = async (id: string) =>
  await s.client.sql(`update withdrawals set requested_at = now() - interval '1 hour' where id = $1`, [id])
const signatureOf = async (id: string) =>
  (await s.client.sql<{ signature: string | null }>('select signature from withdrawals where id = $1', [id]))[0]!.signature // prettier-ignore

describe('a reservation whose signature was made', () => {
  test('and left before the ledger lost it is signed again at once, a restore is noticed, and what was paid does not come back', async () => {
    const holder = await s.account()
    const row = await s.signed(holder)
    await s.witness.keepSignature(row.id, row.signature)
    await s.witness.addSigned(row.id)
    await s.paid(row)
    await unsign(row.id)
    for (let runs = 0; runs < 2; runs += 1)
      expect(await s.run()).toMatchObject({ outcome: 'ok', released: 0, confirmed: 0 })
    expect([await s.status(row.id), await signatureOf(row.id), await s.balance(holder.id)]).toEqual([
      'signed',
      row.signature,
      '90+10',
    ])
    expect([await restores(), await s.paused()]).toEqual([[[row.id]], true])
    expect(await s.alerts()).toEqual(['ledger_restored', 'signature_recovered', 'withdrawals_paused'])
    await s.finalize()
    expect(await s.run()).toMatchObject({ confirmed: 1, quarantined: 0 })
    expect([await s.status(row.id), await s.balance(holder.id), await s.broken()]).toEqual(['confirmed', '90', []]) // prettier-ignore
  })

  test('is never given back on the clock, whoever knows whether it left; one that was not signed is', async () => {
    const [signed, dead] = [await s.account(), await s.account()]
    const [kept, never] = [await s.reserved(signed.id), await s.reserved(dead.id)]
    const signature = await s.authorize(signed.wallet.address, s.df, 10n ** 19n, kept.nonce, kept.deadline)
    await s.witness.keepSignature(kept.id, signature)
    expect(await s.run()).toMatchObject({ released: 0 })
    await Promise.all([kept.id, never.id].map(grownOld))
    expect(await s.run()).toMatchObject({ outcome: 'ok', released: 1 })
    expect([await s.status(kept.id), await signatureOf(kept.id), await s.status(never.id)]).toEqual([
      'signed',
      signature,
      'released',
    ])
    expect([await s.balance(signed.id), await s.balance(dead.id)]).toEqual(['90+10', '100'])
    expect([await restores(), await s.paused(), await s.alerts()]).toEqual([[], false, ['signature_recovered']]) // prettier-ignore
    await s.mineAt(kept.deadline + 1)
    await s.finalize()
    expect(await s.run()).toMatchObject({ expired: 1 })
    expect([await s.balance(signed.id), await s.broken()]).toEqual(['100', []])
  })

  test('waits, like every other, while the witness does not answer', async () => {
    const holder = await s.account()
    const row = await s.reserved(holder.id)
    await grownOld(row.id)
    s.witness.down = true
    expect(await s.run()).toMatchObject({ outcome: 'ok', released: 0 })
    expect([await s.status(row.id), await s.alerts()]).toEqual(['reserved', ['witness_unavailable']])
    s.witness.down = false
    expect(await s.run()).toMatchObject({ outcome: 'ok', released: 1, alerts: 0 })
    expect(await s.balance(holder.id)).toBe('100')
  })

  test('is missed as well where its funds went back meanwhile, or where its signature is nowhere: that one waits for a person', async () => {
    const [back, nowhere] = [await s.account(), await s.account()]
    const [released, reserved] = [await s.reserved(back.id), await s.reserved(nowhere.id)]
    await giveBack(s.withdrawals, released.id, 'reservation_timeout')
    for (const { id } of [released, reserved]) await s.witness.addSigned(id)
    await grownOld(reserved.id)
    expect(await s.run()).toMatchObject({ released: 0 })
    expect(await restores()).toEqual([[released.id, reserved.id].sort()])
    expect([await s.status(reserved.id), await s.paused()]).toEqual(['reserved', true])
    await s.client.sql(
      `update restores set reconciled_at = now(), reconciled_by = 'a test', reconciled_why = 'x', signer_after = 'x' where reconciled_at is null`,
    )
    expect(await s.run()).toMatchObject({ released: 1 })
  })
})

describe('a signature', () => {
  const authority = (keepSignature: Authority['keepSignature'], told: string[] = []): Authority => ({
    db: s.withdrawals,
    signer: { signDigest: async (digest: Hex) => await s.signer.sign({ hash: digest }) },
    domain: {
      name: DOMAIN_NAME,
      version: '1',
      chainId: s.stack.manifest.chainId,
      verifyingContract: s.vault,
    },
    readCounter: async () => await Promise.resolve(0),
    addReservation: async (id) => await s.witness.addReservation(id, s.signer.address.toLowerCase()),
    keepSignature,
    addSigned: (id) => told.push(id),
    push: () => undefined,
  })

  test('is in the ledger, from where it can be read, only once the witness keeps it', async () => {
    const holder = await s.account()
    const row = await s.reserved(holder.id)
    const told: string[] = []
    let resolve = () => {}
    const promise = new Promise<void>((done) => (resolve = done))
    let keeps = 0
    const answer = authorize(
      authority(async (id, signature) => {
        keeps += 1
        await promise
        await s.witness.keepSignature(id, signature)
      }, told),
      row,
    )
    await until(() => keeps === 1, 'the signature to be told')
    expect([await s.status(row.id), told]).toEqual(['reserved', []])
    resolve()
    const { signature } = await answer
    expect(await s.witness.signaturesOf([row.id])).toEqual({ [row.id]: signature })
    expect([await s.status(row.id), told]).toEqual(['signed', [row.id]])
  })

  test('that the witness does not keep leaves to nobody, and the funds are back', async () => {
    const holder = await s.account()
    const row = await s.reserved(holder.id)
    const refused = authorize(
      authority(async () => await Promise.reject(new Error('the witness is down'))),
      row,
    )
    await expect(refused).rejects.toMatchObject({ code: 'SIGNER_UNAVAILABLE' })
    expect([await s.status(row.id), await s.balance(holder.id)]).toEqual(['released', '100'])
  })
})

test('nothing is signed again before every vault was read since, also one of long ago, and none has a signer of then', async () => {
  const { vault: other, block } = await s.deployVault()
  const moved = { VAULT_ADDRESS: other.toLowerCase(), VAULT_DEPLOY_BLOCK: String(block) }
  await s.finalize()
  await s.run(moved)
  expect(await s.run(moved)).toMatchObject({ outcome: 'ok' })
  s.witness.state = { ...s.witness.state, mark: randomUUID() }
  const left = async () =>
    (await s.client.sql<{ result: { left: string[] } }>(`select ledger.reconcile('ann', 'x') as result`))[0]!
      .result.left
  const still = (vault: string) =>
    expect.stringContaining(`at ${vault.toLowerCase()}, whose forgotten`) as string
  const change = async (vault: Address) => {
    const signer = privateKeyToAccount(generatePrivateKey()).address
    await s.ownerCall(encodeFunctionData({ abi: vaultAbi, functionName: 'setAuthorizationSigner', args: [signer] }), vault) // prettier-ignore
    await s.finalize()
    return { ...moved, SIGNER_ADDRESS: signer }
  }
  await s.run(moved)
  expect(await left()).toHaveLength(2)
  expect(await left()).toEqual(expect.arrayContaining([still(other), still(s.vault)]))
  const rotated = await change(other)
  await s.run(rotated)
  expect(await left()).toEqual([still(s.vault)])
  // As if this run had not had the room for it, or had not had an answer.
  await s.client.sql(`update chain_cursors set signer = null, signer_read_at = null where vault = $1`, [
    s.vault,
  ])
  expect(await left()).toEqual([expect.stringMatching(/was not read since/)])
  await expect(s.client.sql(`select ledger.resume_withdrawals('x')`)).rejects.toThrow(/npm run reconcile/)
  await change(s.vault)
  await s.run(rotated)
  expect(await left()).toEqual([])
  expect(await restores()).toEqual([])
})

test('the witness forgets signatures that no vault takes any more, a busy month of them, and no other', async () => {
  const idOf = (daysAgo: number) => {
    const hex = (Date.now() - daysAgo * 86_400_000).toString(16).padStart(12, '0')
    return `${hex.slice(0, 8)}-${hex.slice(8)}-7${randomUUID().slice(15)}`
  }
  const [old, young] = [Array.from({ length: 600 }, () => idOf(32)), idOf(30)]
  for (const id of [...old, young]) await s.witness.keepSignature(id, `0x${'11'.repeat(65)}`)
  await s.run()
  expect(await s.witness.signaturesOf([...old, young])).toEqual({ [young]: `0x${'11'.repeat(65)}` })
})
