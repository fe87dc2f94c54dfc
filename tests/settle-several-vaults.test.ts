/** Six vaults that were configured before are followed beside the configured one: more than one run has requests for. */
import { getContractAddress, type Address } from 'viem'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { reserve } from '../db/ledger/reserve.ts'
import { storeSignature } from '../db/ledger/store-signature.ts'
import { compileContracts, contractNamed } from '../scripts/stack/compile.ts'
import { succeed } from '../scripts/stack/deploy.ts'
import { settleStage, type SettleStage } from './support/settle.ts'

const OTHERS = 6
/** Of Workers' free plan, with four for the webhook. */
const REQUESTS_MAX = 50
let s: SettleStage
let vaults: Address[]
let moved: { VAULT_ADDRESS: string; VAULT_DEPLOY_BLOCK: string }

beforeAll(async () => {
  s = await settleStage()
  vaults = [s.vault]
  for (let n = 0; n < OTHERS; n += 1) vaults.push(await deployVault())
  for (const vault of vaults) await s.run(at(vault))
  moved = at(vaults.pop()!)
  await s.calm()
})
afterEach(async () => {
  const broken = await s.broken()
  await s.calm()
  await s.client.sql(`update chain_cursors set node_limits = '[]', behind = 0`)
  expect(broken).toEqual([])
})
afterAll(async () => await s.stop())

const at = (vault: string) => ({ VAULT_ADDRESS: vault, VAULT_DEPLOY_BLOCK: '1' })
async function deployVault(): Promise<Address> {
  const { abi, bytecode } = contractNamed(await compileContracts(), 'SpotVault')
  const nonce = await s.chain.getTransactionCount({ address: s.owner.address })
  const args = ['ZTDX Spot Vault', '1', s.signer.address, s.owner.address]
  await succeed(s.chain, await s.chain.deployContract({ account: s.owner, abi, bytecode, args }))
  const address = getContractAddress({ from: s.owner.address, nonce: BigInt(nonce) })
  await s.finalize()
  return address.toLowerCase() as Address
}
/** Open at each of these vaults, until the chain is past its deadline. */
async function openAt(places: Address[], ttl: number) {
  const rows = []
  for (const vault of places) {
    const { id: account } = await s.account()
    const wish = { account, token: 'DF', amount: '10', recipient: account, idempotency: undefined }
    const made = await reserve(s.withdrawals, {
      ...wish,
      chainId: s.stack.manifest.chainId,
      vault,
      ttlSeconds: 60,
    })
    if (made.outcome !== 'reserved') throw new Error(made.outcome)
    const { id } = made.reservation
    await s.client.sql('update withdrawals set deadline = $2 where id = $1', [id, (await s.now()) + ttl])
    await storeSignature(s.withdrawals, id, `0x${'11'.repeat(65)}`, 0)
    rows.push({ id, account, vault })
  }
  return rows
}
const open = async (kind: string) =>
  (
    await s.client.sql<{ key: string }>(
      'select key from alerts where kind = $1 and resolved_at is null order by key',
      [kind],
    )
  ).map(({ key }) => key)
const cursors = async () =>
  new Map(
    (
      await s.client.sql<{ vault: string; n: string }>('select vault, block_number as n from chain_cursors')
    ).map(({ vault, n }) => [vault, Number(n)]),
  )
const end = async (rows: { id: string }[]) => {
  await s.mineAt((await s.now()) + 1_000_000)
  await s.finalize()
  for (let runs = 0; runs < 12; runs += 1) await s.run(moved)
  expect(await Promise.all(rows.map(async ({ id }) => await s.status(id)))).toEqual(rows.map(() => 'expired'))
}
const keyAt = (kind: string, vault: string) => `${kind} ${s.stack.manifest.chainId} ${vault}`

test('where nothing happens at them four are followed to the same block by one run, and six by two, within its requests', async () => {
  const rows = await openAt(vaults.slice(0, 4), 500_000)
  await s.run(moved)
  await s.finalize(5)
  const run = await s.run(moved)
  expect(run).toMatchObject({ outcome: 'ok' })
  expect(run.subrequests).toBeLessThanOrEqual(REQUESTS_MAX)
  const reached = async () =>
    [...(await cursors()).values()].filter((block) => block === run.final_block).length
  expect(await reached()).toBe(5)
  rows.push(...(await openAt(vaults.slice(4), 500_000)))
  for (let runs = 0; runs < 2; runs += 1)
    expect((await s.run(moved)).subrequests).toBeLessThanOrEqual(REQUESTS_MAX)
  expect(await reached()).toBe(7)
  await end(rows)
})

test('where a run has not the requests for all each has its turn within a few runs, also while the configured one has more to read than fits', async () => {
  const rows = await openAt(vaults, 500_000)
  await s.run(moved)
  for (let n = 0; n < 20; n += 1) await s.finalize(100)
  s.stack.rpc.setFaults({ maxLogRange: 10, maxBatch: 3 })
  const before = await cursors()
  for (let runs = 0; runs < OTHERS + 2; runs += 1) {
    const { subrequests } = await s.run(moved)
    expect(subrequests).toBeLessThanOrEqual(REQUESTS_MAX)
  }
  const after = await cursors()
  const stood = [...vaults, moved.VAULT_ADDRESS].filter((vault) => after.get(vault)! <= before.get(vault)!)
  expect(stood).toEqual([])
  s.stack.rpc.setFaults({})
  await s.client.sql(`update chain_cursors set node_limits = '[]'`)
  await end(rows)
})

test('what is wrong at one of them is closed by that one’s own next reading, and by none of the others’', async () => {
  const payer = await s.account()
  const paid = await s.signed(payer)
  const rows = await openAt(vaults.slice(1), 500_000)
  await s.paid(paid)
  await s.mineAt(paid.deadline + 1)
  await s.finalize()
  s.stack.rpc.setFaults({ emptyLogs: 1 })
  for (let runs = 0; runs < 4; runs += 1) {
    await s.run(moved)
    expect(await open('event_missing')).toEqual([keyAt('event_missing', s.vault)])
  }
  expect(await s.status(paid.id)).toBe('signed')
  s.stack.rpc.setFaults({})
  for (let runs = 0; runs < 4; runs += 1) await s.run(moved)
  expect([await s.status(paid.id), await open('event_missing')]).toEqual(['confirmed', []])
  await end(rows)
})

test('alerts of a vault close although no run follows all of them, and those of one that is not read any more as well', async () => {
  const rows = await openAt(vaults, 500_000)
  await s.run(moved)
  const kinds = ['falling_behind', 'node_behind', 'event_missing', 'state_missing', 'rpc_unavailable']
  for (const kind of kinds)
    for (const vault of [vaults[0]!, vaults[5]!, moved.VAULT_ADDRESS, `0x${'ab'.repeat(20)}`])
      await s.client.sql('select ledger.raise_alert($1, $2, $3)', [
        keyAt(kind, vault),
        kind,
        JSON.stringify({ chain_id: s.stack.manifest.chainId, vault }),
      ])
  // So that no run has requests for more than two of them.
  s.stack.rpc.setFaults({ maxBatch: 1 })
  for (let runs = 0; runs < 8; runs += 1) await s.run(moved)
  for (const kind of kinds) expect([kind, await open(kind)]).toEqual([kind, []])
  s.stack.rpc.setFaults({})
  await end(rows)
})

test('a node without the state of the final block is said to be that: nothing signed for them comes back, and payments count', async () => {
  const payer = await s.account()
  const paid = await s.signed(payer)
  await s.paid(paid)
  const rows = await openAt(vaults.slice(0, 2), 10)
  await s.mineAt((await s.now()) + 11)
  await s.finalize()
  s.stack.rpc.setFaults({ keptStates: 1 })
  expect(await s.run(moved)).toMatchObject({ outcome: 'state_missing', confirmed: 1, expired: 0 })
  const missing = [moved.VAULT_ADDRESS, vaults[0]!, vaults[1]!].map((vault) => keyAt('state_missing', vault))
  expect([await open('state_missing'), await open('rpc_unavailable')]).toEqual([missing.sort(), []])
  s.stack.rpc.setFaults({})
  expect(await s.run(moved)).toMatchObject({ outcome: 'ok', expired: 2 })
  expect(await open('state_missing')).toEqual([])
  await end(rows)
})
