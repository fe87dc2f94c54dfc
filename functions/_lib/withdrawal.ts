/**
 * The steps between a reservation and its answer. Nothing of the database is held while the signer works: each step is
 * one short transaction of its own, and whatever dies in between leaves a row `reserved`, which the cron function gives back.
 *
 * A release frees the nonce, so the signer may later be asked for other fields under it while it still finishes the first
 * call somewhere. That late signature harms nobody: it has no way out of this process but `storeSignature`, which takes it
 * only for a row that is still `reserved`, and a released row never is again.
 */
import { ungated, type Database, type Push } from '../../db/client.ts'
import { DatabaseError, LedgerRefusal, OwnError } from '../../db/errors.ts'
import { release, type ReleaseReason } from '../../db/ledger/release.ts'
import { reserve, type Reservation, type ReserveInput, type ReserveResult } from '../../db/ledger/reserve.ts'
import { storeSignature, type SignedWithdrawal } from '../../db/ledger/store-signature.ts'
import { reportWrongKey } from '../../db/ledger/wrong-key.ts'
import { ApiError } from './errors.ts'
import { SIGNER_RETRY_AFTER_SECONDS } from './limits.ts'
import { logFailure } from './log.ts'
import { SignerError, type Signer } from './signer.ts'
import { NotAVault, releaseDigest, type VaultDomain } from './vault.ts'

export interface Authority {
  db: Database
  signer: Signer
  domain: VaultDomain
  /** Tells the account's stream what was committed. */
  push: (pushes: Push[]) => void
}

const RETRY_AFTER = { 'Retry-After': String(SIGNER_RETRY_AFTER_SECONDS) }

/** Reserves; the first withdrawal of an account asks the vault for its counter and takes a second turn. */
export async function reserveFunds(
  db: Database,
  input: Omit<ReserveInput, 'nextOnChain'>,
  readNonce: () => Promise<number>,
): Promise<Exclude<ReserveResult, { outcome: 'nonce_unknown' }>> {
  const first = await reserve(db, { ...input, nextOnChain: undefined })
  if (first.outcome !== 'nonce_unknown') return first
  const nextOnChain = await readNonce().catch((cause: unknown) => {
    const what = cause instanceof NotAVault ? 'the vault cannot be read' : 'the chain does not answer'
    throw new ApiError('SERVICE_BUSY', `${what}; nothing was reserved`, { headers: RETRY_AFTER, cause })
  })
  const second = await reserve(db, { ...input, nextOnChain })
  if (second.outcome === 'nonce_unknown') throw new OwnError('the nonce just written is unknown')
  return second
}

/**
 * Signs a reservation and stores the signature; when either fails, gives the funds back.
 *
 * @throws ApiError SIGNER_UNAVAILABLE, `sign failed`, WITHDRAWALS_PAUSED, internal; its message says whether the funds are back
 */
export async function authorize(authority: Authority, reservation: Reservation): Promise<SignedWithdrawal> {
  const digest = releaseDigest(authority.domain, reservation)
  let signature: string
  try {
    signature = await authority.signer.signDigest(digest)
  } catch (cause) {
    if (cause instanceof SignerError && cause.reason === 'wrong_key')
      await reportWrongKey(authority.db, reservation.id).catch((error: unknown) =>
        logFailure('wrong key', error),
      )
    const unavailable = cause instanceof SignerError && cause.reason === 'unavailable'
    const back = await giveBack(authority, reservation.id, unavailable ? 'signer_unavailable' : 'sign_failed')
    throw unavailable
      ? new ApiError('SIGNER_UNAVAILABLE', `no signature was made; ${back.words}`, {
          headers: RETRY_AFTER,
          cause,
        })
      : new ApiError('sign failed', `no usable signature was made; ${back.words}`, { cause })
  }
  try {
    return (await storeOrRepeat(authority.db, reservation.id, signature)).answer
  } catch (cause) {
    throw await notStored(authority, reservation.id, cause)
  }
}

/** Repeats once a store whose answer did not come: the verb takes the same signature twice and answers the same. */
async function storeOrRepeat(db: Database, id: string, signature: string) {
  try {
    return await storeSignature(db, id, signature)
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error
    return await storeSignature(db, id, signature)
  }
}

async function notStored(authority: Authority, id: string, cause: unknown): Promise<unknown> {
  if (cause instanceof LedgerRefusal && cause.reason === 'reservation_gone') {
    return new ApiError('SIGNER_UNAVAILABLE', 'signing took too long; the funds are back', {
      headers: RETRY_AFTER,
    })
  }
  const refused = cause instanceof LedgerRefusal ? cause.reason : undefined
  const paused = refused === 'withdrawals_paused'
  const back = await giveBack(authority, id, paused ? 'paused' : 'not_stored')
  // Signed out while KMS worked: the signature leaves to nobody.
  if (refused === 'session_ended') return cause
  if (paused) return new ApiError('WITHDRAWALS_PAUSED', `withdrawals were paused meanwhile; ${back.words}`)
  // Not given back and no failure: the store did arrive, and the row is signed.
  const words = back.released ? back.words : `look it up with GET /spot/withdrawals/${id}`
  return new ApiError('internal', `the signature’s storing is in doubt; ${words}`, { cause })
}

/** Never throws: a release that fails is done later by the cron function, and the words claim no more than is known. */
async function giveBack(
  { db, push }: Authority,
  id: string,
  reason: ReleaseReason,
): Promise<{ released: boolean; words: string }> {
  try {
    // Also for a caller whose session has ended meanwhile.
    const { released, pushes } = await release(ungated(db), id, reason)
    push(pushes)
    return { released, words: 'the funds are back' }
  } catch {
    return {
      released: false,
      words: `the funds come back by themselves within minutes: GET /spot/withdrawals/${id}`,
    }
  }
}
