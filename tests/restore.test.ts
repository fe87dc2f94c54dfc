/** The database is set back to before a payment, as a user and an operator live through it: nothing is paid twice. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { encodeFunctionData } from 'viem'
import { generatePrivateKey, privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tokenAbi, vaultAbi } from '../scripts/stack/contract-abi.ts'
import { chainClient, succeed, type ChainClient } from '../scripts/stack/deploy.ts'
import { checkInvariants } from '../scripts/stack/invariants.ts'
import type { Stack } from '../scripts/stack/stack.ts'
import type { Client } from './support/client.ts'
import { ownStack } from './support/own-stack.ts'
import { runScript } from './support/script.ts'
import { requestWithdrawal, takeFromVault } from './support/withdrawals.ts'

const run = promisify(execFile)
let stack: Stack
let client: Client
let stop: () => Promise<void>
let chain: ChainClient
beforeAll(async () => {
  ;({ stack, client, stop } = await ownStack())
  chain = chainClient(stack.manifest.rpcUrl, stack.manifest.chainId)
})
afterAll(async () => await stop())

const copy = () => `${stack.postgres.dataDir}.saved`
async function save(): Promise<void> {
  await stack.postgres.stop()
  await run('cp', ['-a', stack.postgres.dataDir, copy()])
  await stack.postgres.restart()
}
async function setBack(): Promise<void> {
  await stack.postgres.stop()
  await run('rm', ['-rf', stack.postgres.dataDir])
  await run('cp', ['-a', copy(), stack.postgres.dataDir])
  await stack.postgres.restart()
}
/** Everything so far becomes final, and is settled. */
async function settle(): Promise<void> {
  await chain.mine({ blocks: 2 })
  expect((await fetch(stack.manifest.settleUrl)).status).toBe(200)
}
async function deposit(account: PrivateKeyAccount, units: bigint): Promise<void> {
  const df = stack.chain.tokens.DF.address
  const token = { account, address: df, abi: tokenAbi } as const
  await succeed(chain, await chain.writeContract({ ...token, functionName: 'approve', args: [stack.chain.vault, units] })) // prettier-ignore
  const vault = { account, address: stack.chain.vault, abi: vaultAbi } as const
  await succeed(chain, await chain.writeContract({ ...vault, functionName: 'deposit', args: [df, units] }))
}
const operator = async (script: string, ...args: string[]) => {
  const words = [`scripts/${script}.ts`, ...args, '--why', 'the database was set back']
  const { code, out, error } = await runScript(words, { OWNER_DATABASE_URL: stack.manifest.databaseUrl })
  return { code, text: out + error }
}
const alerts = async () =>
  (await client.sql<{ kind: string }>('select kind from alerts where resolved_at is null')).map(
    ({ kind }) => kind,
  )

test('a payment that the restored ledger has forgotten is not made twice, also by a node that is behind and before settle runs', async () => {
  const holder = await client.newAccount({ DF: '20' })
  const balance = async () => (await client.balancesOf(holder.account))['spot DF']
  const saver = privateKeyToAccount(stack.chain.accounts[1]!.privateKey)
  const saved = async () => (await client.balancesOf(saver.address.toLowerCase()))['spot DF']
  await settle()
  await save()
  const paid = await requestWithdrawal(client, holder, '20')
  expect(paid.status).toBe(200)
  const df = stack.chain.tokens.DF.address
  expect(await takeFromVault(stack.manifest, holder.wallet, df, paid.body)).toBe('success')
  await deposit(saver, 3n * 10n ** 18n)
  await settle()
  expect([await balance(), await saved()]).toEqual(['0', '3'])

  await setBack()
  expect([await balance(), await saved()]).toEqual(['20', undefined])
  // Two requests at a node that has not seen the payment: by the counter alone the second would be paid.
  stack.rpc.setFaults({ staleHead: 4 })
  for (let requests = 0; requests < 2; requests += 1) {
    const again = await requestWithdrawal(client, holder, '10')
    expect([again.status, again.body.error, await balance()]).toEqual([503, 'WITHDRAWALS_PAUSED', '20'])
  }
  expect(await client.sql(`select id from withdrawals where status in ('reserved', 'signed')`)).toEqual([])
  stack.rpc.setFaults({})
  // A withdrawal's word pauses; that the ledger was set back is for settle to say, which asks the witness itself.
  expect(await alerts()).toContain('withdrawals_paused')
  expect(await operator('reconcile')).toEqual({
    code: 1,
    text: expect.stringContaining('no restore was noticed') as string,
  })
  await settle()
  expect(await alerts()).toEqual(expect.arrayContaining(['ledger_restored', 'withdrawals_paused']))
  expect(await operator('pause', 'resume')).toEqual({
    code: 1,
    text: expect.stringContaining('npm run reconcile') as string,
  })
  const half = await operator('reconcile')
  expect(half).toEqual({ code: 1, text: expect.stringMatching(/^booked: 0x[0-9a-f]{64} paid 0x/) as string })
  expect(half.text.match(/^- .*/gm)).toEqual([expect.stringContaining('the vault’s signer is still')])
  expect([await balance(), await saved()]).toEqual(['0', '3'])
  expect(await operator('pause', 'resume')).toMatchObject({ code: 1 })

  const signer = privateKeyToAccount(generatePrivateKey()).address
  const owner = privateKeyToAccount(stack.chain.owner.privateKey)
  const data = encodeFunctionData({ abi: vaultAbi, functionName: 'setAuthorizationSigner', args: [signer] })
  await succeed(
    chain,
    await chain.sendTransaction({ account: owner, to: stack.chain.vault, data, gas: 300_000n }),
  )
  await stack.restartGateway({ SIGNER_ADDRESS: signer })
  expect(await operator('reconcile')).toMatchObject({ code: 1 })
  await settle()
  expect(await operator('reconcile')).toEqual({
    code: 0,
    text: 'reconciled: `npm run resume -- --why "…"` lets signing go on\n',
  })
  expect(await operator('pause', 'resume')).toEqual({ code: 0, text: 'withdrawals are resumed\n' })
  expect(await operator('reconcile')).toEqual({
    code: 0,
    text: expect.stringContaining('nothing is to be done') as string,
  })
  const last = await requestWithdrawal(client, holder, '10')
  expect([last.status, last.body.error]).toEqual([400, 'INSUFFICIENT_BALANCE'])
  await settle()
  expect(await alerts()).not.toContain('ledger_restored')
  const broken = (await checkInvariants(stack.manifest.databaseUrl)).filter(
    ({ violations }) => violations > 0,
  )
  expect([broken, await saved()]).toEqual([[], '3'])
}, 180_000)
