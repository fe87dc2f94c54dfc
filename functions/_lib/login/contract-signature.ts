/**
 * Asks the chain whether the contract at an address takes a signature for its own (ERC-1271), also before it is deployed
 * (ERC-6492). Not by viem's `verifyHash`: there a node that fails and a contract that reverts both end as `false`.
 */
import type { Hex } from 'viem'
import { parseErc6492Signature } from 'viem/utils'
import { ChainError } from '../chain/fault.ts'
import { CONTRACT_SIGNATURE_GAS } from '../limits.ts'
import { connectNodesOfRequest, type NodesEnv } from '../chain/nodes.ts'

/**
 * The program, as EVM code, that the call carries instead of naming a contract. It fails at nothing that a contract does, so
 * that a refused call is the node's fault. Behind it stand four words (account, factory, size of the factory's call, size of
 * the account's call) and the two calls. It gives back four words: the chain's id; the first word that the account answered;
 * whether that call succeeded with a word or more; the size of the account's code.
 *
 * A factory is called for an account without code only. A deployed one must say yes as it is: what anybody may do to it in
 * a call that changes nothing would otherwise count as done.
 *
 *     mem[0..] = words and calls                         60 57 38 03 60 57 60 00 39
 *     if extcodesize(account) goto ask                   60 00 51 3b 60 24 57
 *       call(3e6, factory, 0, calls)                     60 00 60 00 60 40 51 60 80 60 00 60 20 51 62 2dc6c0 f1 50
 *     ask: mem[0x20] = 0                                 5b 60 00 60 20 52
 *       staticcall(2.5e6, account, its call, 0x20, 0x20) 60 20 60 20 60 60 51 60 40 51 60 80 01 60 00 51 62 2625a0 fa
 *       mem[0x40] = ok and returndatasize > 31           3d 60 1f 10 16 60 40 52
 *       mem[0x60] = extcodesize(account)                 60 00 51 3b 60 60 52
 *       mem[0] = chainid; return mem[0 .. 0x80]          46 60 00 52 60 80 60 00 f3
 */
const PROGRAM = [
  '605738036057600039',
  '6000513b602457',
  '600060006040516080600060205162' + '2dc6c0' + 'f150',
  '5b6000602052',
  '6020602060605160405160800160005162' + '2625a0' + 'fa',
  '3d601f1016604052',
  '6000513b606052',
  '4660005260806000f3',
].join('')

const NO_CALL = { address: '0x', data: '0x' } as const
/** Of `isValidSignature`, and what it answers with when it is one. */
const SELECTOR = '0x1626ba7e'
const YES = SELECTOR.slice(2).padEnd(64, '0')
const word = (digits: string) => digits.padStart(64, '0')

/** `no_contract`: the address has no code, and a factory, if one is named, gives it none. */
export type ContractVerdict = 'signed' | 'not_signed' | 'no_contract'

/**
 * One bounded eth_call at the newest block, answered within RPC_TIMEOUT_MS in all.
 *
 * @param account lower case
 * @throws ChainError, NodesDisagree when no node answered: nothing is known then
 */
export async function contractSigned(
  env: NodesEnv & { CHAIN_ID: number },
  account: string,
  hash: Hex,
  signature: Hex,
): Promise<ContractVerdict> {
  const data = callOf(account, hash, signature)
  if (!data) return 'not_signed'
  const call = { method: 'eth_call', params: [{ data, gas: CONTRACT_SIGNATURE_GAS }, 'latest'] }
  return await connectNodesOfRequest(env).agree('a signature', async (node) => {
    const [answer] = await node.ask([call])
    if (typeof answer !== 'string' || !/^0x[0-9a-f]{256}$/i.test(answer))
      throw new ChainError('nonsense', 'eth_call')
    const [chainId, said, ok, size] = [0, 1, 2, 3].map((at) => answer.slice(2 + 64 * at, 66 + 64 * at))
    if (BigInt(`0x${chainId}`) !== BigInt(env.CHAIN_ID)) throw new ChainError('nonsense', 'eth_call')
    // A precompiled contract, which may echo what it is asked, has no code.
    if (BigInt(`0x${size}`) === 0n) return 'no_contract'
    return ok === word('1') && said?.toLowerCase() === YES ? 'signed' : 'not_signed'
  })
}

/** Does it end as signatures of ERC-6492 do? */
export const isWrapped = (signature: Hex): boolean => /(?:6492){16}$/.test(signature)

/** Undefined where the signature ends as a wrapped one and is none. */
function callOf(account: string, hash: Hex, signature: Hex): Hex | undefined {
  let parts: ReturnType<typeof parseErc6492Signature>
  try {
    // viem cannot read one of less than 32 bytes.
    parts = isWrapped(signature) ? parseErc6492Signature(signature) : { signature }
  } catch {
    return undefined
  }
  const factory = parts.address ? { address: parts.address, data: parts.data } : NO_CALL
  const ask = isValidSignature(hash, parts.signature)
  const sizes = [factory.data, ask].map((bytes) => (bytes.length / 2 - 1).toString(16))
  const words = [account.slice(2), factory.address.slice(2), ...sizes].map(word)
  return `0x${PROGRAM}${words.join('')}${factory.data.slice(2)}${ask.slice(2)}`
}

/** The call `isValidSignature(bytes32, bytes)`; viem's encoder makes the bundle 3 kB larger. */
function isValidSignature(hash: Hex, signature: Hex): Hex {
  const length = word((signature.length / 2 - 1).toString(16))
  const bytes = signature.slice(2)
  const padded = bytes.padEnd(64 * Math.ceil(bytes.length / 64), '0')
  return `${SELECTOR}${hash.slice(2)}${word('40')}${length}${padded}`
}
