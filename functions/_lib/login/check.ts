/** Checks a login: what an account has to sign, and whether a signature is that. */
import type * as z from 'zod/mini'
import { chainEnv, loginEnv, rpcEnv } from '../env.ts'
import { ApiError } from '../errors.ts'
import { type Account, parseAccount } from '../wallet/accounts.ts'
import { badLoginSignature, evmLoginSigned, isLoginSignature } from './evm.ts'
import { loginMessage, loginMessageSignedBy, type LoginSignature, parseLoginSignature } from './solana.ts'
import type { LoginDomain } from './typed-data.ts'

/** The nodes are for contract wallets: no other public function asks one. */
export const loginCheckEnv = /* @__PURE__ */ (() => ({ ...chainEnv, ...loginEnv, ...rpcEnv }))()
type LoginEnv = z.output<z.ZodMiniObject<typeof loginCheckEnv>>

export const loginDomainOf = (config: LoginEnv): LoginDomain => ({
  name: config.LOGIN_DOMAIN_NAME,
  version: config.LOGIN_DOMAIN_VERSION,
  chainId: config.CHAIN_ID,
  verifyingContract: config.VAULT_ADDRESS,
})

/** @throws ApiError INVALID_ADDRESS */
export function loginAccount(address: string): Account {
  const account = parseAccount(address)
  if (!account) throw new ApiError('INVALID_ADDRESS', 'neither an EVM nor a Solana address')
  return account
}

/** The check of a signature whose form may be right for the account: the nonce and the time are then known. */
type LoginCheck = (config: LoginEnv, nonce: number) => Promise<boolean>

/** @throws ApiError INVALID_SIGNATURE_FORMAT */
export function loginCheck(account: Account, signature: LoginSignature, timestamp: number): LoginCheck {
  const wallet = account.id
  if (account.kind === 'evm') {
    if (!isLoginSignature(signature)) throw badLoginSignature()
    return async (config, nonce) =>
      await evmLoginSigned(config, loginDomainOf(config), { wallet, nonce, timestamp, signature })
  }
  const parsed = parseLoginSignature(signature)
  if (!parsed) throw new ApiError('INVALID_SIGNATURE_FORMAT', 'signature must be base58 of 64 bytes')
  return async (config, nonce) =>
    await loginMessageSignedBy(loginMessage(loginDomainOf(config), wallet, nonce, timestamp), wallet, parsed)
}
