/** Gives back what is signed for a vault that is none of ours, as far as the chain itself says that nothing of ours can be paid there. */
import { createClient, type Address } from 'viem'
import { getChainId, getCode, readContract } from 'viem/actions'
import { nodesOf } from '../deploy/nodes.ts'
import { vaultAbi } from '../stack/contract-abi.ts'
import { readManifest } from '../stack/manifest.ts'
import type { Query, Said } from './decide.ts'

/** Rows of one transaction: their balances are locked for about a second. */
const AT_ONCE = 500

export async function disown(query: Query, [vault = '', chain]: string[], said: Said): Promise<string> {
  const chains = await query<{ chain_id: string }>(
    `select chain_id::text from withdrawals where status = 'signed' and vault = $1
     union select chain_id::text from counter_doubts where vault = $1 and cleared_at is null order by 1`,
    [vault],
  )
  const named = chains.map(({ chain_id }) => chain_id).filter((id) => chain === undefined || id === chain)
  const [chainId] = named
  if (chainId === undefined) throw new Error('nothing is signed for that vault')
  if (named.length > 1) throw new Error(`name the chain after it: one of\n${named.join('\n')}`)
  const followed = await query('select from chain_cursors where chain_id = $1 and vault = $2', [
    chainId,
    vault,
  ])
  // As the verb says too: no node need be asked for that.
  if (followed.length > 0)
    throw new Error(
      'not given back: settle has followed that vault, so what is signed for it ends by settle alone',
    )
  if (!said.notOurs) await askChain(vault as Address, Number(chainId))
  for (let back = 0; ;) {
    const [row] = await query<{ result: { given_back: number; left: number; reason: string | null } }>(
      `select ledger.disown_vault($1, $2, concat_ws(' as ', $3::text, session_user), $4, $5) as result`,
      [chainId, vault, said.by ?? null, said.why, AT_ONCE],
    )
    if (!row || row.result.reason !== null) throw new Error(`not given back: ${row?.result.reason}`)
    back += row.result.given_back
    if (row.result.given_back < AT_ONCE)
      return `${back} withdrawals are given back, ${row.result.left} are left`
  }
}

/** @throws Error unless nothing at that address can be a vault of ours */
async function askChain(vault: Address, chainId: number): Promise<void> {
  const looked = 'say --not-ours, if you have looked yourself and it is no contract of yours'
  const local = process.env.OWNER_DATABASE_URL === undefined
  const rpcUrl = local ? readManifest().rpcUrl : process.env.RPC_URL
  if (!rpcUrl)
    throw new Error(
      `RPC_URL is not set: give a node of chain ${chainId} that is asked what is at that address, or ${looked}`,
    )
  const client = createClient({ transport: nodesOf(rpcUrl) })
  const answered = await getChainId(client).catch(() => undefined)
  if (answered === undefined)
    throw new Error(`the node of RPC_URL does not answer; nothing was changed. Or ${looked}`)
  if (answered !== chainId)
    throw new Error(
      `the node of RPC_URL is on chain ${answered}, not ${chainId}; nothing was changed. Or ${looked}`,
    )
  const code = await getCode(client, { address: vault }).catch(() => null)
  if (code === null)
    throw new Error(
      `the node of RPC_URL does not say what is at that address; nothing was changed. Or ${looked}`,
    )
  if (code === undefined || code === '0x') return
  const signer = await readContract(client, {
    address: vault,
    abi: vaultAbi,
    functionName: 'authorizationSigner',
  }).catch(() => undefined)
  throw new Error(
    signer === undefined
      ? `there is a contract at that address; nothing was changed. Look at it on a block explorer, then ${looked}`
      : `there is a vault at that address, whose signer is ${signer}; nothing was changed. If it is yours, name it in settle for one run, with its VAULT_DEPLOY_BLOCK: what is signed for it then ends by itself. Else ${looked}`,
  )
}
