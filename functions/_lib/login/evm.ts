/** Checks who signed an EVM login: the account's own key or, failing that, the contract at its address. */
import { bytesToHex } from '@noble/hashes/utils.js'
import { ChainError, NodesDisagree } from '../chain/fault.ts'
import { contractSigned, isWrapped } from './contract-signature.ts'
import { ApiError, chainUnavailable } from '../errors.ts'
import { LOGIN_SIGNATURE_BYTES_MAX } from '../limits.ts'
import { loginHash, loginSignedBy, type LoginDomain } from './typed-data.ts'
import type { NodesEnv } from '../chain/nodes.ts'

/** r ‖ s ‖ v of a key. A contract's may have any length, none at all too: a Safe asks its own list of approved hashes then. */
const KEY_SIGNATURE = /^0x[0-9a-f]{130}$/i

/** Is this a signature's form, of a key or of a contract? */
export const isLoginSignature = (text: unknown): text is `0x${string}` =>
  typeof text === 'string' &&
  text.length <= 2 + 2 * LOGIN_SIGNATURE_BYTES_MAX &&
  /^0x(?:[0-9a-fA-F]{2})*$/.test(text)

export const badLoginSignature = () =>
  new ApiError(
    'INVALID_SIGNATURE_FORMAT',
    `signature must be 65 bytes as 0x hex, of a contract wallet at most ${LOGIN_SIGNATURE_BYTES_MAX}`,
  )

/**
 * The chain is asked only for what the account's key did not sign: an account with a key needs no node, also where it has
 * delegated code (EIP-7702).
 *
 * @throws ApiError CHAIN_UNAVAILABLE; INVALID_SIGNATURE_FORMAT where there is no contract and the form is not a key's
 */
export async function evmLoginSigned(
  env: NodesEnv & { CHAIN_ID: number },
  domain: LoginDomain,
  login: { wallet: string; nonce: number; timestamp: number; signature: `0x${string}` },
): Promise<boolean> {
  const { wallet, nonce, timestamp, signature } = login
  if (loginSignedBy(domain, wallet, nonce, timestamp, signature)) return true
  const hash = `0x${bytesToHex(loginHash(domain, wallet, nonce, timestamp))}` as const
  const verdict = await contractSigned(env, wallet, hash, signature).catch((error: unknown) => {
    if (!(error instanceof ChainError || error instanceof NodesDisagree)) throw error
    throw chainUnavailable(
      'not signed by the account’s key, and the chain could not be asked for its contract',
      error,
    )
  })
  if (verdict === 'no_contract' && !KEY_SIGNATURE.test(signature) && !isWrapped(signature))
    throw badLoginSignature()
  return verdict === 'signed'
}
