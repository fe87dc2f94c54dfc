/** Where a withdrawal stands: what the ledger says of it, and between two of its words what the chain says. */
import type { Withdrawal } from './api.ts'
import type { VaultState } from './vault.ts'

/** Of a transaction that this page has sent. */
export interface Sent {
  hash: string
  isMined: boolean
}

export type Step = 'reserved' | 'signed' | 'sent' | 'mined' | 'confirmed' | 'late' | 'expired' | 'released'

/** The steps of one that is paid, in order, as they are shown. */
export const PAID_STEPS = [
  ['reserved', 'Reserved'],
  ['signed', 'Signed'],
  ['sent', 'Sent to vault'],
  ['mined', 'Mined'],
  ['confirmed', 'Confirmed'],
] as const
/** Of one that comes back, or will. */
export const RETURNED_STEPS = {
  late: [
    ['reserved', 'Reserved'],
    ['signed', 'Signed'],
    ['late', 'Deadline passed'],
    ['expired', 'Funds back'],
  ],
  released: [
    ['reserved', 'Reserved'],
    ['released', 'Funds back'],
  ],
} as const

/** @param now unix seconds of the wall clock */
export function stepOf(
  { status, nonce, deadline }: Withdrawal,
  vault: VaultState | undefined,
  sent: Sent | undefined,
  now: number,
): Step {
  if (status !== 'signed') return status
  // The vault's counter is past it: a signature of this nonce was used, by this page or by another.
  if (sent?.isMined || (vault !== undefined && vault.next > nonce)) return 'mined'
  if (sent !== undefined) return 'sent'
  return Math.max(now, vault?.time ?? 0) > deadline ? 'late' : 'signed'
}

export const stepsFor = (step: Step): readonly (readonly [Step, string])[] =>
  step === 'late' || step === 'expired'
    ? RETURNED_STEPS.late
    : step === 'released'
      ? RETURNED_STEPS.released
      : PAID_STEPS

export const isOpen = ({ status }: Withdrawal): boolean => status === 'reserved' || status === 'signed'
