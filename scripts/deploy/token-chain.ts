/** What the chain itself says of the tokens in `tokens.json`: a wrong `decimals` would multiply every amount by a power of ten. */
import { createClient, zeroAddress, type Address, type Client } from 'viem'
import { getChainId, getCode, readContract } from 'viem/actions'
import type { TokenSeed } from '../stack/database.ts'
import { FileProblems } from './checked-json.ts'
import { nodesOf } from './nodes.ts'

const DECIMALS = [
  { type: 'function', name: 'decimals', stateMutability: 'view', inputs: [], outputs: [{ type: 'uint8' }] },
] as const
const NATIVE_DECIMALS = 18

/**
 * @param rpcUrl as RPC_URL has it: the first node that answers is asked
 * @throws FileProblems with every token that is not what the file says, or that this node cannot know
 */
export async function checkTokensOnChain(file: string, tokens: TokenSeed[], rpcUrl: string): Promise<void> {
  const client = createClient({ transport: nodesOf(rpcUrl) })
  const chainId = await getChainId(client).catch(() => {
    throw new Error(
      'the node of RPC_URL does not answer: the tokens could not be checked, nothing was applied',
    )
  })
  const problems = await Promise.all(
    tokens.map(async (token, at) => {
      const problem = await problemOf(client, chainId, token)
      return problem === undefined ? [] : [`[${at}] ${token.symbol}: ${problem}`]
    }),
  )
  if (problems.flat().length > 0) throw new FileProblems(file, problems.flat())
}

async function problemOf(client: Client, nodeChainId: number, token: TokenSeed): Promise<string | undefined> {
  const { chainId, contract, decimals } = token
  if (contract === null) return undefined
  if (chainId !== nodeChainId) return `is on chain ${chainId}, and the node of RPC_URL is on ${nodeChainId}`
  if (contract === zeroAddress)
    return decimals === NATIVE_DECIMALS ? undefined : `the native coin has ${NATIVE_DECIMALS} decimals`
  const address = contract.toLowerCase() as Address
  const code = await getCode(client, { address }).catch(() => null)
  if (code === null) return 'the node does not say whether there is a contract'
  if (code === undefined || code === '0x') return `there is no contract at ${contract}`
  const answer = await readContract(client, { address, abi: DECIMALS, functionName: 'decimals' }).catch(
    () => undefined,
  )
  if (answer === undefined) return `the contract at ${contract} does not answer decimals()`
  return answer === decimals ? undefined : `the contract has ${answer} decimals, not ${decimals}`
}
