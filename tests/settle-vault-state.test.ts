/** What the vault itself answers at the final block, whatever its events said or left out. */
import { fileURLToPath } from 'node:url'
import { encodeFunctionData, getContractAddress, padHex, toHex, type Abi, type Address, type Hex } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { compileContracts, contractNamed } from '../scripts/stack/compile.ts'
import { vaultAbi } from '../scripts/stack/contract-abi.ts'
import { succeed } from '../scripts/stack/deploy.ts'
import { settleStage, type SettleStage } from './support/settle.ts'
import { DOMAIN_NAME, separatorOf } from './support/vault.ts'

const testContract = (name: string) =>
  fileURLToPath(new URL(`./support/contracts/${name}.sol`, import.meta.url))
const IMPLEMENTATION_SLOT = '0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc'
let s: SettleStage
let vaultCode: { abi: Abi; bytecode: Hex }
let proxyCode: { abi: Abi; bytecode: Hex }
beforeAll(async () => {
  s = await settleStage()
  vaultCode = contractNamed(await compileContracts(), 'SpotVault')
  proxyCode = contractNamed(await compileContracts([testContract('QuietProxy')]), 'QuietProxy')
  await s.finalize()
  await s.run()
  await s.calm()
})
afterEach(async () => {
  const broken = await s.broken()
  await s.client.sql('delete from chain_cursors where vault <> $1', [s.vault])
  await s.calm()
  expect(broken).toEqual([])
})
afterAll(async () => await s.stop())

async function deployed(code: { abi: Abi; bytecode: Hex }, args: unknown[] = []): Promise<Address> {
  const nonce = await s.chain.getTransactionCount({ address: s.owner.address })
  await succeed(s.chain, await s.chain.deployContract({ account: s.owner, ...code, args }))
  return getContractAddress({ from: s.owner.address, nonce: BigInt(nonce) })
}
const vaultOfVersion = async (version: string) =>
  await deployed(vaultCode, [DOMAIN_NAME, version, s.signer.address, s.owner.address])
const differences = async () =>
  (
    await s.client.sql<{ differs: object }>(
      `select detail -> 'differs' as differs from alerts where kind = 'vault_differs' and resolved_at is null`,
    )
  )[0]?.differs
const resume = async () => await s.client.sql(`select ledger.resume_withdrawals('looked')`)

test('a vault that is paused before its first withdrawal pauses signing, and is told once: its event says the same', async () => {
  await s.ownerCall(encodeFunctionData({ abi: vaultAbi, functionName: 'pause' }))
  await s.finalize()
  for (let runs = 0; runs < 2; runs += 1) expect((await s.run()).outcome).toBe('ok')
  expect([await s.alerts(), await s.paused()]).toEqual([['vault_paused', 'withdrawals_paused'], true])
  await s.ownerCall(encodeFunctionData({ abi: vaultAbi, functionName: 'unpause' }))
  await s.finalize()
  await s.run()
})

test('another signer than the configured one pauses signing without any withdrawal, and again after a resume that changed nothing', async () => {
  const SIGNER_ADDRESS = s.owner.address
  expect(await s.run({ SIGNER_ADDRESS })).toMatchObject({ outcome: 'ok' })
  expect([await s.alerts(), await s.paused()]).toEqual([['vault_differs', 'withdrawals_paused'], true])
  expect(await differences()).toEqual({
    signer: { configured: SIGNER_ADDRESS.toLowerCase(), vault: s.signer.address.toLowerCase() },
  })
  await expect(s.reserved((await s.account()).id)).rejects.toMatchObject({ reason: 'withdrawals_paused' })
  await resume()
  await s.run({ SIGNER_ADDRESS })
  expect(await s.paused()).toBe(true)
  // The configuration is mended: the alert is over, the pause is a person's to end.
  expect(await s.run()).toMatchObject({ outcome: 'ok' })
  expect([await s.alerts(), await s.paused()]).toEqual([['withdrawals_paused'], true])
})

test('a domain that changes with nothing but Initialized stops signing for the old one; what was signed comes back', async () => {
  // The vault's own code and storage, behind a proxy from here on.
  const [first, second] = [await deployed(proxyCode), await vaultOfVersion('2')]
  const implementation = '0x00000000000000000000000000000000000000a1'
  await s.chain.setCode({ address: implementation, bytecode: (await s.chain.getCode({ address: s.vault }))! })
  await s.chain.setCode({ address: s.vault, bytecode: (await s.chain.getCode({ address: first }))! })
  await s.chain.setStorageAt({ address: s.vault, index: IMPLEMENTATION_SLOT, value: padHex(implementation) })
  const paid = await s.signed(await s.account())
  await s.paid(paid)
  await s.finalize()
  expect(await s.run()).toMatchObject({ outcome: 'ok', confirmed: 1, alerts: 0 })

  const row = await s.signed(await s.account(), '10', 7_200)
  const data = encodeFunctionData({ abi: proxyCode.abi, functionName: 'reinitializeEip712DomainVersion', args: [second, 2n] }) // prettier-ignore
  await s.ownerCall(data)
  await s.finalize()
  expect(await s.run()).toMatchObject({ outcome: 'ok' })
  expect([await s.alerts(), await s.paused()]).toEqual([['vault_differs', 'withdrawals_paused'], true])
  expect(Object.keys((await differences()) ?? {})).toEqual(['domain'])
  await expect(s.signed(await s.account())).rejects.toMatchObject({ reason: 'withdrawals_paused' })
  await expect(s.paid(row)).rejects.toThrow()
  await s.mineAt(row.deadline + 1)
  await s.finalize()
  const env = { VAULT_DOMAIN_VERSION: '2' }
  expect(await s.run(env)).toMatchObject({ outcome: 'ok', expired: 1 })
  expect([await s.alerts(), await s.balance(row.account)]).toEqual([['withdrawals_paused'], '100'])

  await s.ownerCall(encodeFunctionData({ abi: proxyCode.abi, functionName: 'reinitializeEip712DomainVersion', args: [implementation, 3n] })) // prettier-ignore
  await s.finalize()
})

describe('a change of the vault that nothing is heard of', () => {
  beforeEach(async () => {
    await s.finalize()
    await s.run()
    await s.calm()
  })

  /** Writes `to` over `from` wherever the vault keeps it; the owner's calls would leave an event. */
  async function quietly(from: Hex, to: Hex): Promise<void> {
    let changed = 0
    for (let slot = 0n; slot < 12n; slot += 1n) {
      const word = (await s.chain.getStorageAt({ address: s.vault, slot: toHex(slot) })) ?? '0x'
      const value = word.toLowerCase().replace(from.slice(2).toLowerCase(), to.slice(2).toLowerCase()) as Hex
      if (value === word) continue
      await s.chain.setStorageAt({ address: s.vault, index: toHex(slot, { size: 32 }), value })
      changed += 1
    }
    expect(changed).toBe(1)
    await s.finalize()
  }

  test('of its signer stops signing, and is over when the vault has the configured one again', async () => {
    // Not the owner's own address, which the vault keeps for another reason.
    const other = padHex('0xbeef', { size: 20 })
    await quietly(s.signer.address, other)
    expect(await s.run()).toMatchObject({ outcome: 'ok', logs: 0 })
    expect([await s.alerts(), await s.paused()]).toEqual([['vault_differs', 'withdrawals_paused'], true])
    expect(Object.keys((await differences()) ?? {})).toEqual(['signer'])
    await quietly(other, s.signer.address)
    await s.run()
    expect(await s.alerts()).toEqual(['withdrawals_paused'])
  })

  test('that pauses it stops signing', async () => {
    // The flag stands above the address of the next owner, who is nobody.
    const [running, paused] = [padHex('0x00'), padHex(`0x01${'00'.repeat(20)}`)]
    const slot = toHex(1, { size: 32 })
    const flag = async () => await s.chain.getStorageAt({ address: s.vault, slot })
    await s.ownerCall(encodeFunctionData({ abi: vaultAbi, functionName: 'pause' }))
    expect(await flag()).toBe(paused)
    await s.ownerCall(encodeFunctionData({ abi: vaultAbi, functionName: 'unpause' }))
    await s.finalize()
    await s.run()
    await s.calm()
    await s.chain.setStorageAt({ address: s.vault, index: slot, value: paused })
    await s.finalize()
    expect(await s.run()).toMatchObject({ outcome: 'ok', logs: 0 })
    expect([await s.alerts(), await s.paused()]).toEqual([['vault_differs', 'withdrawals_paused'], true])
    expect(await differences()).toEqual({ paused: true })
    await s.chain.setStorageAt({ address: s.vault, index: slot, value: running })
  })

  test('yet, since it is not final, stops nothing where the configuration has it already', async () => {
    const other = padHex('0xbeef', { size: 20 })
    await quietly(s.signer.address, other)
    await s.chain.mine({ blocks: 20 })
    await quietly(other, s.signer.address)
    const env = { FINALITY: '15' }
    expect(await s.run(env)).toMatchObject({ outcome: 'ok' })
    expect([await s.alerts(), await s.paused()]).toEqual([[], false])
    // Of the former configuration nothing is right any more.
    expect(await s.run({ ...env, SIGNER_ADDRESS: s.owner.address })).toMatchObject({ outcome: 'ok' })
    expect([await s.alerts(), await s.paused()]).toEqual([['vault_differs', 'withdrawals_paused'], true])
  })

  test('and was so at an older block only, which a node that is behind shows, stops nothing', async () => {
    const other = padHex('0xbeef', { size: 20 })
    await quietly(s.signer.address, other)
    await quietly(other, s.signer.address)
    await s.chain.mine({ blocks: 20 })
    await s.run()
    s.stack.rpc.setFaults({ staleHead: 21 }, 1)
    expect(await s.run()).toMatchObject({ outcome: 'node_behind' })
    expect([await s.alerts(), await s.paused()]).toEqual([[], false])
    s.stack.rpc.setFaults({})
    await s.run()
  })

  test.each([{ VAULT_DOMAIN_NAME: 'Other Vault' }, { VAULT_DOMAIN_VERSION: '1.0' }])(
    'or a configuration that was never the vault’s, %o, stops signing',
    async (env) => {
      expect(await s.run(env)).toMatchObject({ outcome: 'ok' })
      expect([await s.alerts(), await s.paused()]).toEqual([['vault_differs', 'withdrawals_paused'], true])
      expect(Object.keys((await differences()) ?? {})).toEqual(['domain'])
    },
  )

  test('to a domain of another contract, or of another chain, stops signing', async () => {
    const code = (await s.chain.getCode({ address: s.vault }))!
    const separators = [
      separatorOf({
        name: DOMAIN_NAME,
        version: '1',
        chainId: s.stack.manifest.chainId,
        verifyingContract: s.df,
      }),
      separatorOf({ name: DOMAIN_NAME, version: '1', chainId: 1, verifyingContract: s.vault }),
    ]
    const template = contractNamed(await compileContracts([testContract('QuietProxy')]), 'QuietVault')
    for (const separator of separators) {
      const other = await deployed(template, [s.signer.address, separator])
      await s.chain.setCode({ address: s.vault, bytecode: (await s.chain.getCode({ address: other }))! })
      await s.finalize()
      await s.run()
      expect([await s.alerts(), await s.paused()]).toEqual([['vault_differs', 'withdrawals_paused'], true])
      expect(await differences()).toMatchObject({ domain: { vault: separator } })
      await s.calm()
    }
    await s.chain.setCode({ address: s.vault, bytecode: code })
  })

  test('that takes away its code is said to be that; nothing comes back meanwhile, everything after it does', async () => {
    const row = await s.signed(await s.account(), '10', 60)
    const code = (await s.chain.getCode({ address: s.vault }))!
    await s.chain.setCode({ address: s.vault, bytecode: '0x' })
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    expect(await s.run()).toMatchObject({ outcome: 'no_vault', expired: 0 })
    expect([await s.alerts(), await s.paused(), await s.status(row.id)]).toEqual([
      ['no_vault', 'withdrawals_paused'],
      true,
      'signed',
    ])
    await s.chain.setCode({ address: s.vault, bytecode: code })
    await s.finalize()
    expect(await s.run()).toMatchObject({ outcome: 'ok', expired: 1 })
    expect(await s.alerts()).toEqual(['withdrawals_paused'])
  })
})

describe('a VAULT_ADDRESS that is no vault', () => {
  const cases: [string, () => Promise<Address>, boolean][] = [
    ['is an account', async () => s.signer.address, false],
    ['is a token', async () => s.df, true],
    [
      'answers each call with a page of zeros',
      async () => {
        const address = '0x00000000000000000000000000000000000000b2'
        await s.chain.setCode({ address, bytecode: '0x6104006000f3' })
        return address
      },
      true,
    ],
    [
      'answers with a signer that is no address',
      async () => {
        const address = '0x00000000000000000000000000000000000000b3'
        await s.chain.setCode({ address, bytecode: '0x60001960005260206000f3' })
        return address
      },
      true,
    ],
  ]
  test.each(cases)(
    'because it %s is said to be that, and signing is paused',
    async (_why, addressOf, contract) => {
      const VAULT_ADDRESS = await addressOf()
      await s.finalize()
      expect(await s.run({ VAULT_ADDRESS })).toMatchObject({ outcome: 'no_vault', expired: 0 })
      expect([await s.alerts(), await s.paused()]).toEqual([['no_vault', 'withdrawals_paused'], true])
      expect(
        await s.client.sql(
          `select detail -> 'contract' as contract from alerts where kind = 'no_vault' and resolved_at is null`,
        ),
      ).toEqual([{ contract }])
      expect(await s.run()).toMatchObject({ outcome: 'ok' })
      expect(await s.alerts()).toEqual(['withdrawals_paused'])
    },
  )

  test('yet, because its deployment is not final, is no alarm', async () => {
    const VAULT_ADDRESS = await vaultOfVersion('1')
    expect(await s.run({ VAULT_ADDRESS })).toMatchObject({ outcome: 'ok', alerts: 0 })
    await s.finalize()
    // It holds nothing yet.
    expect(await s.run({ VAULT_ADDRESS })).toMatchObject({ outcome: 'ok' })
    expect([await s.alerts(), await s.paused()]).toEqual([['solvency_breach'], false])
  })
})

describe('a node that no longer knows the state at the final block', () => {
  const env = { FINALITY: '20' }

  test('proves nothing: nothing expires, everything else goes on, and a person is told what is needed', async () => {
    const [payer, sleeper] = [await s.account(), await s.account()]
    const [paid, unused] = [await s.signed(payer), await s.signed(sleeper)]
    await s.paid(paid)
    await s.mineAt(Math.max(paid.deadline, unused.deadline) + 1)
    await s.finalize(20)
    s.stack.rpc.setFaults({ keptStates: 10 }, 1)
    expect(await s.run(env)).toMatchObject({ outcome: 'state_missing', confirmed: 1, expired: 0, alerts: 1 })
    expect([await s.status(paid.id), await s.status(unused.id), await s.alerts()]).toEqual([
      'confirmed',
      'signed',
      ['state_missing'],
    ])
    // A second node that keeps every state does what the first cannot.
    const RPC_URL = `${s.stack.rpc.url},${s.stack.manifest.rpcUrl}`
    expect(await s.run({ ...env, RPC_URL })).toMatchObject({ outcome: 'ok', expired: 1 })
    expect(await s.alerts()).toEqual(['node_failing'])
    s.stack.rpc.setFaults({})
    expect(await s.run(env)).toMatchObject({ outcome: 'ok', alerts: 0 })
  })
})
