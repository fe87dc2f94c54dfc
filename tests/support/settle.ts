/** A stack whose chain and node a test controls, and settle run in this process: the same code, driver and protocols. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { encodeFunctionData, getContractAddress, type Address, type Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts'
import { connect } from '../../db/client.ts'
import { reserve } from '../../db/ledger/reserve.ts'
import { storeSignature } from '../../db/ledger/store-signature.ts'
import { credit } from '../../db/ledger/credit.ts'
import { parseEnv } from '../../functions/_lib/env-read.ts'
import { settleSchema, type Summary } from '../../functions/_lib/settle/context.ts'
import { settle } from '../../functions/_lib/settle/run.ts'
import { compileContracts, contractNamed } from '../../scripts/stack/compile.ts'
import { tokenAbi, vaultAbi } from '../../scripts/stack/contract-abi.ts'
import { chainClient, succeed } from '../../scripts/stack/deploy.ts'
import { startStack } from '../../scripts/stack/stack.ts'
import { clientOf } from './client.ts'
import { removeFolder } from './remove-folder.ts'
import { DOMAIN_NAME, AUTHORIZATION_TYPES } from './vault.ts'
import { memoryWitness } from './witness.ts'

export interface SignedRow {
  id: string
  wallet: PrivateKeyAccount
  account: string
  contract: Address
  wei: bigint
  nonce: number
  deadline: number
  signature: Hex
}

export async function settleStage() {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-settle-'))
  const stack = await startStack({
    folder,
    port: 0,
    withoutGateway: true,
    fleeting: { copyOf: inject('seed') },
  })
  const { manifest } = stack
  const client = clientOf(manifest, folder)
  const chain = chainClient(manifest.rpcUrl, manifest.chainId)
  const vault = manifest.vault.toLowerCase() as Address
  const df = stack.chain.tokens.DF.address
  const signer = privateKeyToAccount(generatePrivateKey())
  const owner = privateKeyToAccount(stack.chain.owner.privateKey)
  const withdrawals = connect(manifest.loginUrls.withdrawals, 10_000)
  const admin = connect(manifest.loginUrls.admin, 10_000)

  const ownerCall = async (data: Hex, to: Address = vault) =>
    await succeed(chain, await chain.sendTransaction({ account: owner, to, data, gas: 300_000n }))
  await ownerCall(
    encodeFunctionData({ abi: vaultAbi, functionName: 'setAuthorizationSigner', args: [signer.address] }),
  )

  /** A new vault of ours, and its block. */
  const deployVault = async (): Promise<{ vault: Address; block: bigint }> => {
    const { abi, bytecode } = contractNamed(await compileContracts(), 'SpotVault')
    const nonce = await chain.getTransactionCount({ address: owner.address })
    const args = ['ZTDX Spot Vault', '1', signer.address, owner.address]
    const { blockNumber: block } = await succeed(
      chain,
      await chain.deployContract({ account: owner, abi, bytecode, args }),
    )
    return { vault: getContractAddress({ from: owner.address, nonce: BigInt(nonce) }), block }
  }

  const witness = memoryWitness()
  const run = async (env: Record<string, string> = {}): Promise<Summary> =>
    await settle(
      parseEnv(settleSchema, { ...stack.env, SIGNER_ADDRESS: signer.address, ...env }),
      async () => {},
      witness,
    )

  /** A funded account with ether for gas. */
  const account = async (amount = '100') => {
    const wallet = privateKeyToAccount(generatePrivateKey())
    const id = wallet.address.toLowerCase()
    await chain.setBalance({ address: wallet.address, value: 10n ** 18n })
    await credit(admin, {
      account: id,
      token: 'DF',
      amount,
      reason: undefined,
      requestId: 't',
      idempotency: undefined,
    })
    return { wallet, id }
  }
  /** Chain time and head. */
  const now = async () => Number((await chain.getBlock()).timestamp)

  /** Frozen, nonce and deadline fixed, nothing signed. The deadline is `ttl` seconds after the chain's time. */
  const reserved = async (id: string, amount = '10', ttl = 600) => {
    const result = await reserve(withdrawals, {
      account: id,
      token: 'DF',
      amount,
      recipient: id,
      chainId: manifest.chainId,
      vault,
      ttlSeconds: 3600,
      idempotency: undefined,
    })
    if (result.outcome !== 'reserved') throw new Error(result.outcome)
    const deadline = (await now()) + ttl
    await client.sql('update withdrawals set deadline = $2 where id = $1', [result.reservation.id, deadline])
    return { ...result.reservation, deadline }
  }
  const signed = async (
    holder: { wallet: PrivateKeyAccount; id: string },
    amount = '10',
    ttl = 600,
  ): Promise<SignedRow> => {
    const row = await reserved(holder.id, amount, ttl)
    const wei = BigInt(row.amount_in_wei)
    const signature = await authorize(holder.wallet.address, df, wei, row.nonce, row.deadline)
    const counter = await counterOf(holder.wallet.address)
    const stored = await storeSignature(withdrawals, row.id, signature, counter)
    if (stored.outcome !== 'signed') throw new Error(stored.outcome)
    return { ...row, wallet: holder.wallet, contract: df, wei, signature }
  }
  /** The vault's own, as the newest block has it. */
  const counterOf = async (to: Address) =>
    Number(
      await chain.readContract({ address: vault, abi: vaultAbi, functionName: 'releaseNonces', args: [to] }),
    )
  const authorize = async (to: Address, token: Address, value: bigint, nonce: number, deadline: number) =>
    await signer.signTypedData({
      domain: { name: DOMAIN_NAME, version: '1', chainId: manifest.chainId, verifyingContract: vault },
      types: AUTHORIZATION_TYPES,
      primaryType: 'SpotReleaseFunds',
      message: { account: to, token, value, nonce: BigInt(nonce), deadline: BigInt(deadline) },
    })
  /** Sends the withdrawal; does not wait for its block. */
  const submit = async (row: Pick<SignedRow, 'wallet' | 'contract' | 'wei' | 'deadline' | 'signature'>) =>
    await chain.sendTransaction({
      account: row.wallet,
      to: vault,
      gas: 300_000n,
      data: encodeFunctionData({
        abi: vaultAbi,
        functionName: 'withdraw',
        args: [row.contract, row.wei, BigInt(row.deadline), row.signature],
      }),
    })
  const paid = async (row: SignedRow) => await succeed(chain, await submit(row))
  const deposit = async (
    holder: { wallet: PrivateKeyAccount },
    token: Address,
    units: bigint,
    into: Address = vault,
  ) => {
    const from = { account: holder.wallet, address: token, abi: tokenAbi } as const
    await succeed(
      chain,
      await chain.writeContract({ ...from, functionName: 'mint', args: [holder.wallet.address, units] }),
    )
    await succeed(chain, await chain.writeContract({ ...from, functionName: 'approve', args: [into, units] }))
    const call = { account: holder.wallet, address: into, abi: vaultAbi } as const
    return await succeed(
      chain,
      await chain.writeContract({ ...call, functionName: 'deposit', args: [token, units] }),
    )
  }
  /** Everything so far becomes final. */
  const finalize = async (blocks = 2) => await chain.mine({ blocks })
  /** The next block has this time, and is mined with what waits. */
  const mineAt = async (time: number) => {
    await chain.setNextBlockTimestamp({ timestamp: BigInt(time) })
    await chain.mine({ blocks: 1 })
  }
  const status = async (id: string) =>
    (await client.sql<{ status: string }>('select status from withdrawals where id = $1', [id]))[0]?.status
  const balance = async (id: string) => (await client.balancesOf(id))['spot DF']
  const alerts = async () =>
    (
      await client.sql<{ kind: string }>('select kind from alerts where resolved_at is null order by kind')
    ).map((row) => row.kind)
  const paused = async () =>
    (
      await client.sql<{ engaged: boolean }>(`select engaged from switches where name = 'withdrawals_paused'`)
    )[0]?.engaged
  const cursor = async () =>
    Number((await client.sql<{ n: string }>('select block_number as n from chain_cursors'))[0]?.n)
  /** A clean desk for the next test: nothing is paused, quarantined or open. */
  const calm = async () => {
    stack.rpc.setFaults({})
    stack.proxy.control({ next: [], rates: [], delayMs: 0 })
    await client.sql(`update chain_logs set status = 'resolved' where status = 'quarantined'`)
    await client.sql(`select ledger.resume_withdrawals('next test')`)
    await client.sql(`update alerts set resolved_at = now() where resolved_at is null`)
  }
  const stop = async () => {
    await stack.stop()
    await removeFolder(folder)
  }
  return {
    stack,
    client,
    chain,
    vault,
    df,
    signer,
    owner,
    withdrawals,
    ownerCall,
    deployVault,
    run,
    witness,
    account,
    now,
    reserved,
    signed,
    authorize,
    submit,
    paid,
    deposit,
    finalize,
    mineAt,
    status,
    balance,
    alerts,
    paused,
    cursor,
    broken: client.broken,
    calm,
    stop,
  }
}
export type SettleStage = Awaited<ReturnType<typeof settleStage>>
