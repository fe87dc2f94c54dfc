/** The vault on chain, through the wallet: sends a withdrawal's signature, and sees what became of it. */
import { encodeFunctionData, type Address, type Hash, type Hex } from 'viem'
import { getChainId, switchChain } from 'viem/actions'
import type { Withdrawal } from './api.ts'
import type { Chain } from './wallet.ts'

// Not `parseAbi`, `writeContract` and `readContract`: a parser, curves and deployments would be a third of the page,
// while the wallet itself finds the gas, the nonce and the reasons of a refusal.
const VAULT = [
  {
    type: 'function',
    name: 'withdraw',
    stateMutability: 'nonpayable',
    inputs: [
      { name: 'token', type: 'address' },
      { name: 'amount', type: 'uint256' },
      { name: 'deadline', type: 'uint256' },
      { name: 'signature', type: 'bytes' },
    ],
    outputs: [],
  },
  {
    type: 'function',
    name: 'releaseNonces',
    stateMutability: 'view',
    inputs: [{ name: 'account', type: 'address' }],
    outputs: [{ name: 'nonce', type: 'uint256' }],
  },
] as const

/** What the chain says that bears on an account's open withdrawals. */
export interface VaultState {
  /** The nonce that the vault takes next: what is below it was used. */
  next: number
  /** Of the newest block, unix seconds: deadlines are by this clock. */
  time: number
}

/** Undefined where the wallet is on another chain. */
export async function vaultState(
  chain: Chain,
  account: string,
  { chain_id: id, vault_address: vault }: Pick<Withdrawal, 'chain_id' | 'vault_address'>,
): Promise<VaultState | undefined> {
  if ((await getChainId(chain)) !== id) return undefined
  const data = encodeFunctionData({ abi: VAULT, functionName: 'releaseNonces', args: [account as Address] })
  const [next, block] = await Promise.all([
    chain.request({ method: 'eth_call', params: [{ to: vault as Address, data }, 'latest'] }),
    chain.request({ method: 'eth_getBlockByNumber', params: ['latest', false] }),
  ])
  return { next: Number(next), time: Number(block?.timestamp ?? 0) }
}

/** @throws the wallet's own error when it is refused; nothing is sent then */
export async function sendToVault(chain: Chain, account: string, withdrawal: Withdrawal): Promise<Hash> {
  const { chain_id: id, vault_address: vault, token_contract: contract, deadline, signature } = withdrawal
  if (signature === undefined) throw new Error('this withdrawal cannot be sent')
  if ((await getChainId(chain)) !== id) await switchChain(chain, { id })
  const data = encodeFunctionData({
    abi: VAULT,
    functionName: 'withdraw',
    args: [contract as Address, BigInt(withdrawal.amount_in_wei), BigInt(deadline), signature as Hex],
  })
  const sent = { from: account as Address, to: vault as Address, data }
  return await chain.request({ method: 'eth_sendTransaction', params: [sent] })
}

const LOOK_EVERY_MS = 500

/** Waits for its block, however long that takes. @throws Error when the vault refused it */
export async function mined(chain: Chain, hash: Hash): Promise<void> {
  for (;;) {
    const receipt = await chain
      .request({ method: 'eth_getTransactionReceipt', params: [hash] })
      // A node that does not answer says nothing of the transaction.
      .catch(() => null)
    if (receipt?.status === '0x1') return
    if (receipt) throw new Error('the vault did not take it: nothing was paid')
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}
