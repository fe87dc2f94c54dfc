/** Withdrawals as a client makes them: request, then take the money from the vault. */
import { encodeFunctionData, parseEther, recoverTypedDataAddress, type Address, type Hex } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { vaultAbi } from '../../scripts/stack/contract-abi.ts'
import { chainClient } from '../../scripts/stack/deploy.ts'
import type { Manifest } from '../../scripts/stack/manifest.ts'
import type { Answer, Client } from './client.ts'
import { AUTHORIZATION_TYPES } from './vault.ts'

export type Account = Awaited<ReturnType<Client['newAccount']>>

export async function requestWithdrawal(
  client: Client,
  account: { token: string },
  amount: unknown = '1',
  extra: { body?: object; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const json = { token: 'DF', amount, ...extra.body }
  return await client.call('/spot/withdraw/request', {
    token: account.token,
    json,
    headers: extra.headers ?? {},
  })
}

/** Sends the answer to the vault as its account; `reverted` when the vault refuses. */
export async function takeFromVault(
  manifest: Manifest,
  wallet: PrivateKeyAccount,
  token: Address,
  answer: { amount_in_wei: string; deadline: number; signature: Hex; vault_address: Address },
): Promise<'success' | 'reverted'> {
  const chain = chainClient(manifest.rpcUrl, manifest.chainId)
  await chain.setBalance({ address: wallet.address, value: parseEther('1') })
  const args = [token, BigInt(answer.amount_in_wei), BigInt(answer.deadline), answer.signature] as const
  const data = encodeFunctionData({ abi: vaultAbi, functionName: 'withdraw', args })
  // Fixed gas: an estimate would keep a refused call from reaching the chain.
  const hash = await chain.sendTransaction({ account: wallet, to: answer.vault_address, data, gas: 500_000n })
  return (await chain.waitForTransactionReceipt({ hash })).status
}

/** Whose key made the answer's signature, by the release type written out a second time. */
export async function signerOfAnswer(
  account: Address,
  contract: Address,
  answer: {
    amount_in_wei: string
    deadline: number
    nonce: number
    signature: Hex
    vault_address: Address
    chain_id: number
  },
): Promise<string> {
  const recovered = await recoverTypedDataAddress({
    domain: {
      name: 'ZTDX Spot Vault',
      version: '1',
      chainId: answer.chain_id,
      verifyingContract: answer.vault_address,
    },
    types: AUTHORIZATION_TYPES,
    primaryType: 'SpotReleaseFunds',
    message: {
      account,
      token: contract,
      value: BigInt(answer.amount_in_wei),
      nonce: BigInt(answer.nonce),
      deadline: BigInt(answer.deadline),
    },
    signature: answer.signature,
  })
  return recovered.toLowerCase()
}

/** `reserved 0, signed 1, …` in the order of the requests. */
export async function rowsOf(client: Client, account: string): Promise<string[]> {
  const rows = await client.sql<{ row: string }>(
    `select status || ' ' || nonce as row from withdrawals where account = $1 order by id`,
    [account],
  )
  return rows.map(({ row }) => row)
}

/** Connections of the functions, and which of them are in a transaction or hold a lock. */
export async function connectionsOfFunctions(client: Client): Promise<{ all: number; busy: number }> {
  const rows = await client.sql<{ all: number; busy: number }>(
    `select count(distinct a.pid)::int as all,
       count(distinct a.pid) filter (where a.xact_start is not null or l.pid is not null)::int as busy
     from pg_stat_activity a left join pg_locks l on l.pid = a.pid where a.usename like 'tidegate\\_%'`,
  )
  return rows[0]!
}
