/** What the vault itself says of signer, domain and pause, held against the configuration. What it answers is true, whatever events say. */
import { domainSeparator, type Address } from 'viem'
import type { VaultAnswers, VaultCall } from './calls.ts'
import { vaultDomainOf, type VaultNames } from './vault.ts'

export interface VaultState {
  /** Is there a contract? */
  code: boolean
  /** Undefined where what is there does not answer as a vault does. */
  said: VaultSays | undefined
}
export interface VaultSays {
  /** Lower case. */
  signer: string
  separator: string
  paused: boolean
}
/** What of the vault is not as it is configured here. */
export interface VaultDifferences {
  signer?: { configured: string; vault: string }
  domain?: { configured: string; vault: string }
  paused?: true
}

export const VAULT_QUESTIONS: readonly VaultCall[] = [
  ['authorizationSigner'],
  ['domainSeparator'],
  ['paused'],
]

/** @param words the first of which answer VAULT_QUESTIONS */
export function vaultStateOf({ code, words }: VaultAnswers): VaultState {
  const [signer, separator, paused] = words
  const sound =
    signer !== undefined &&
    signer >> 160n === 0n &&
    separator !== undefined &&
    (paused === 0n || paused === 1n)
  if (!sound) return { code, said: undefined }
  const hex = (word: bigint, digits: number) => `0x${word.toString(16).padStart(digits, '0')}`
  return { code, said: { signer: hex(signer, 40), separator: hex(separator, 64), paused: paused === 1n } }
}

/** Empty where a signature made here is one that the vault takes. */
export function vaultDifferences(
  env: VaultNames & { SIGNER_ADDRESS: Address },
  said: VaultSays,
): VaultDifferences {
  const separator = domainSeparator({ domain: vaultDomainOf(env) })
  return {
    ...(said.signer !== env.SIGNER_ADDRESS && {
      signer: { configured: env.SIGNER_ADDRESS, vault: said.signer },
    }),
    ...(said.separator !== separator && { domain: { configured: separator, vault: said.separator } }),
    ...(said.paused && { paused: true }),
  }
}
