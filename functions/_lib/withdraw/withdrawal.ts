/**
 * The steps between a reservation and its answer. Nothing of the database is held while the signer works: each step is
 * one short transaction of its own, and whatever dies in between leaves a row `reserved`, which the cron function gives back.
 *
 * Giving back frees the nonce, so the signer may later be asked for other fields under it while it still finishes the first
 * call somewhere. That late signature harms nobody: it has no way out of this process but `storeSignature`, which takes it
 * only for a row that is still `reserved`, and a released row never is again.
 *
 * The ledger's witness keeps each signature from before it is stored, and so from before anybody can have it: a database that
 * is set back to before the store must not give back what may be in somebody's hands.
 */
import { ungated, type Database, type Push } from '../../../db/client.ts'
import { DatabaseError, LedgerRefusal } from '../../../db/errors.ts'
import { refuseCounter } from '../../../db/ledger/counter.ts'
import { giveBack, type GiveBackReason } from '../../../db/ledger/give-back.ts'
import type { Reservation } from '../../../db/ledger/reserve.ts'
import type { Seen } from '../../../db/ledger/restores.ts'
import { storeSignature, type SignedWithdrawal } from '../../../db/ledger/store-signature.ts'
import { reportVault } from '../../../db/ledger/vault-state.ts'
import { reportWrongKey } from '../../../db/ledger/wrong-key.ts'
import { ApiError, chainUnavailable } from '../errors.ts'
import { SIGNER_RETRY_AFTER_SECONDS } from '../limits.ts'
import { logFailure } from '../log.ts'
import { SignerError, type Signer } from './signer.ts'
import { VaultUnfit } from './counter.ts'
import { authorizationDigest, type VaultDomain } from '../vault/vault.ts'

export interface Authority {
  db: Database
  signer: Signer
  domain: VaultDomain
  /** The vault's counter for an account, as the newest block has it. @throws VaultUnfit */
  readCounter: (account: string) => Promise<number>
  /** Tells the ledger's witness of the reservation; answers what it had seen before. */
  addReservation: (id: string) => Promise<Seen>
  /** Lets the witness keep the signature. */
  keepSignature: (id: string, signature: string) => Promise<void>
  /** Tells the witness, without anybody waiting for it, that the ledger has the signature for certain. */
  addSigned: (id: string) => void
  /** Tells the account's stream what was committed. */
  push: (pushes: Push[]) => void
}

const RETRY_AFTER = { 'Retry-After': String(SIGNER_RETRY_AFTER_SECONDS) }

/**
 * Signs a reservation and stores the signature; when either fails, gives the funds back. The chain is asked while the signer
 * works: by then the account's other signatures are fixed, and a counter that they do not explain means that the ledger has
 * forgotten one.
 *
 * @throws ApiError SIGNER_UNAVAILABLE, CHAIN_UNAVAILABLE, `sign failed`, WITHDRAWALS_PAUSED, internal; its message says
 *   whether the funds are back
 */
export async function authorize(authority: Authority, reservation: Reservation): Promise<SignedWithdrawal> {
  const { id, account } = reservation
  const counted = settled(authority.readCounter(account))
  const witnessed = settled(authority.addReservation(id))
  const signed = await settled(
    authority.signer.signDigest(authorizationDigest(authority.domain, reservation)),
  )
  if (!('value' in signed)) throw await notSigned(authority, id, signed.cause)
  const kept = settled(authority.keepSignature(id, signed.value))
  const counter = await counted
  if (!('value' in counter)) throw await notCounted(authority, id, counter.cause)
  const seen = await witnessed
  if (!('value' in seen)) throw await notWitnessed(authority, id, seen.cause)
  const unkept = await kept
  if ('cause' in unkept) throw await notWitnessed(authority, id, unkept.cause)
  const stored = await storeOrRepeat(authority.db, id, signed.value, counter.value, seen.value).catch(
    async (cause: unknown) => {
      throw await notStored(authority, id, cause)
    },
  )
  if (stored.outcome === 'signed') {
    authority.addSigned(id)
    return stored.answer
  }
  if (stored.outcome === 'unexplained') throw await unexplained(authority, reservation, counter.value)
  authority.push(stored.pushes)
  if (stored.outcome === 'restored')
    throw new ApiError('WITHDRAWALS_PAUSED', 'the ledger is being checked; the funds are back')
  throw chainUnavailable('the chain node is behind what was already settled; the funds are back')
}

type Settled<T> = { value: T } | { cause: unknown }
const settled = async <T>(work: Promise<T>): Promise<Settled<T>> =>
  await work.then(
    (value) => ({ value }),
    (cause: unknown) => ({ cause }),
  )

async function notSigned(authority: Authority, id: string, cause: unknown): Promise<ApiError> {
  if (cause instanceof SignerError && cause.reason === 'wrong_key')
    await reportWrongKey(ungated(authority.db), id).catch((error: unknown) => logFailure('wrong key', error))
  const unavailable = cause instanceof SignerError && cause.reason === 'unavailable'
  const back = await tryToGiveBack(authority, id, unavailable ? 'signer_unavailable' : 'sign_failed')
  return unavailable
    ? new ApiError('SIGNER_UNAVAILABLE', `no signature came in time; ${back.words}`, {
        headers: RETRY_AFTER,
        cause,
      })
    : new ApiError('sign failed', `no usable signature was made; ${back.words}`, { cause })
}

async function notCounted(authority: Authority, id: string, cause: unknown): Promise<ApiError> {
  if (!(cause instanceof VaultUnfit)) {
    const back = await tryToGiveBack(authority, id, 'chain_unavailable')
    return chainUnavailable(`the chain could not be asked; ${back.words}`, cause)
  }
  await reportVault(ungated(authority.db), id, cause.faults).catch((error: unknown) =>
    logFailure('vault unfit', error),
  )
  const back = await tryToGiveBack(authority, id, 'vault_unfit')
  return new ApiError('WITHDRAWALS_PAUSED', `the vault would not accept our signature; ${back.words}`, {
    cause,
  })
}

/**
 * Whether the database was set back is not known then, and what was forgotten would be signed once more; or nobody would know of
 * this signature if it were set back. It leaves to nobody.
 */
async function notWitnessed(authority: Authority, id: string, cause: unknown): Promise<ApiError> {
  const back = await tryToGiveBack(authority, id, 'witness_unavailable')
  return new ApiError('SIGNER_UNAVAILABLE', `the ledger’s witness did not answer; ${back.words}`, {
    headers: RETRY_AFTER,
    cause,
  })
}

/** One wrong answer of a node must not block anybody: only what it says twice does, and the lower one counts. */
async function unexplained(
  authority: Authority,
  { id, account }: Reservation,
  counter: number,
): Promise<ApiError> {
  try {
    const again = await authority.readCounter(account)
    const { outcome, pushes } = await refuseCounter(ungated(authority.db), id, Math.min(counter, again))
    authority.push(pushes)
    return outcome === 'blocked'
      ? new ApiError(
          'WITHDRAWALS_PAUSED',
          'the vault has paid what is not booked here: somebody looks at it; the funds are back',
        )
      : chainUnavailable('the chain node contradicts itself; the funds are back')
  } catch (cause) {
    return await notCounted(authority, id, cause)
  }
}

/** Repeats once a store whose answer did not come: the verb takes the same signature twice and answers the same. */
async function storeOrRepeat(db: Database, id: string, signature: string, counter: number, seen: Seen) {
  try {
    return await storeSignature(db, id, signature, counter, seen)
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error
    return await storeSignature(db, id, signature, counter, seen)
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
  const back = await tryToGiveBack(authority, id, paused ? 'paused' : 'not_stored')
  // Signed out while KMS worked: the signature leaves to nobody.
  if (refused === 'session_ended') return cause
  if (paused) return new ApiError('WITHDRAWALS_PAUSED', `withdrawals were paused meanwhile; ${back.words}`)
  // Not given back and no failure: the store did arrive, and the row is signed.
  const words = back.released ? back.words : `look it up with GET /spot/withdrawals/${id}`
  return new ApiError('internal', `it is not known whether the signature was stored; ${words}`, { cause })
}

/** Never throws: what fails here is done later by the cron function, and the words claim no more than is known. */
async function tryToGiveBack(
  { db, push }: Authority,
  id: string,
  reason: GiveBackReason,
): Promise<{ released: boolean; words: string }> {
  try {
    // Also for a caller whose session has ended meanwhile.
    const { released, pushes } = await giveBack(ungated(db), id, reason)
    push(pushes)
    return { released, words: 'the funds are back' }
  } catch {
    return {
      released: false,
      words: `the funds come back by themselves, within minutes or once its deadline is over: GET /spot/withdrawals/${id}`,
    }
  }
}
