/** What a withdrawal asks the chain: the account's counter, and whether the vault is the one that is signed for. One call. */
import type { Address } from 'viem'
import { OwnError } from '../../../db/errors.ts'
import { ChainError } from '../chain/fault.ts'
import { connectNodesOfRequest, type NodesEnv } from '../chain/nodes.ts'
import { readVaultCalls, vaultCalls, type VaultCall } from '../vault/calls.ts'
import { VAULT_QUESTIONS, vaultDifferences, vaultStateOf } from '../vault/state.ts'
import type { VaultNames } from '../vault/vault.ts'

/** What a signature for the vault cannot be right with: named, so that a person is told what to look at. */
export type VaultFault = 'code' | 'contract' | 'signer' | 'domain' | 'paused'

/** The newest block says that the vault takes no signature made here. */
export class VaultUnfit extends OwnError {
  constructor(readonly faults: VaultFault[]) {
    super(
      faults.includes('code') || faults.includes('contract')
        ? `VAULT_ADDRESS is no vault: ${faults.includes('contract') ? 'its contract does not answer as one' : 'there is no contract'}`
        : `the vault differs from the configuration: ${faults.join(', ')}`,
    )
    this.name = 'VaultUnfit'
  }
}

/**
 * The nonce of the vault's next payment to the account, as the newest block has it: one call, answered within RPC_TIMEOUT_MS in all.
 *
 * @throws VaultUnfit; ChainError, NodesDisagree without the nodes' addresses, which may carry a key
 */
export async function readVaultCounter(
  env: NodesEnv & VaultNames & { SIGNER_ADDRESS: Address },
  account: string,
): Promise<number> {
  const calls: VaultCall[] = [...VAULT_QUESTIONS, ['releaseNonces', account]]
  const data = vaultCalls(env.VAULT_ADDRESS, calls)
  const { state, word } = await connectNodesOfRequest(env).agree('counters', async (node) => {
    const [raw] = await node.ask([{ method: 'eth_call', params: [{ data }, 'latest'] }])
    const answers = readVaultCalls(raw, calls.length)
    if (answers?.chainId !== BigInt(env.CHAIN_ID)) throw new ChainError('nonsense', 'eth_call')
    return { state: vaultStateOf(answers), word: answers.words.at(-1)?.toString() }
  })
  const nonce = Number(word)
  if (!state.said || !Number.isSafeInteger(nonce)) throw new VaultUnfit([state.code ? 'contract' : 'code'])
  const faults = Object.keys(vaultDifferences(env, state.said)) as VaultFault[]
  if (faults.length > 0) throw new VaultUnfit(faults)
  return nonce
}
