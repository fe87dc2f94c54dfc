/** The two signatures that make a subaccount: the sub offers itself, the main account confirms by signing the offer. */
import type { Access } from '../http/access.ts'
import { SIGNATURE_ERRORS, SIGNED_RATES, verified } from './access.ts'
import { signedEnvelope } from '../http/signed-envelope.ts'
import { type SignedErrorId, SignedRefusal } from '../http/signed-errors.ts'
import { type MessageRefusal, type Verified, verifyClaim } from './message.ts'

export interface SubaccountPair {
  main_account: string
  subaccount: string
  main_signature: unknown
  sub_signature: unknown
  timestamp: number
  expiry_window?: number | null | undefined
}

/** An access by both signatures: each key is counted once it has proved itself. */
export const signedByBoth: Access<{ main: string; sub: string }, SignedErrorId> = {
  kind: 'signed',
  env: {},
  rates: SIGNED_RATES,
  envelope: signedEnvelope,
  errors: SIGNATURE_ERRORS,
  identify: async (incoming) => {
    const pair = (await incoming.body()) as SubaccountPair
    const sub = verified(await verifyOffer(pair, incoming.nowMs)).account.id
    await incoming.admit({ account: sub, countedAs: sub })
    const main = verified(await verifyConfirmation(pair, incoming.nowMs)).account.id
    await incoming.admit({ account: main, countedAs: main })
    if (main === sub) throw new SignedRefusal('invalid_request', 'main_account and subaccount must differ')
    return { main, sub }
  },
}

/** The sub's consent: type `subaccount_initiate` over `{account: main}`. */
export const verifyOffer = async (pair: SubaccountPair, nowMs: number): Promise<Verified | MessageRefusal> =>
  await verifyClaim(
    {
      account: pair.subaccount,
      signature: pair.sub_signature,
      timestamp: pair.timestamp,
      expiryWindow: pair.expiry_window,
      type: 'subaccount_initiate',
      data: { account: pair.main_account },
    },
    nowMs,
  )

/**
 * The main account's consent: type `subaccount_confirm` over `{signature: <the sub's>}`. A hardware signature comes as an
 * object: its `value` is what is signed, and the object as received is taken too.
 */
export async function verifyConfirmation(
  pair: SubaccountPair,
  nowMs: number,
): Promise<Verified | MessageRefusal> {
  const verifyOver = async (signature: unknown) =>
    await verifyClaim(
      {
        account: pair.main_account,
        signature: pair.main_signature,
        timestamp: pair.timestamp,
        expiryWindow: pair.expiry_window,
        type: 'subaccount_confirm',
        data: { signature },
      },
      nowMs,
    )
  const [first, ...others] = signedForms(pair.sub_signature)
  const result = await verifyOver(first)
  if (result.ok || result.reason !== 'verification_failed') return result
  for (const form of others) {
    const other = await verifyOver(form)
    if (other.ok) return other
  }
  return result
}

const signedForms = (signature: unknown): [unknown, ...unknown[]] =>
  typeof signature === 'object' && signature !== null && 'value' in signature
    ? [signature.value, signature]
    : [signature]
