/** The envelope of the wallet-signed family, and how refusals map to its errors. */
import { DatabaseError, LedgerRefusal } from '../../../db/errors.ts'
import { ApiError, NO_ANSWER } from '../errors.ts'
import type { Envelope } from './access.ts'
import { BUSY_RETRY_AFTER_SECONDS } from '../limits.ts'
import { SIGNED_ERRORS, SignedRefusal } from './signed-errors.ts'
import { API_ERRORS, LEDGER_REFUSALS } from './signed-refusals.ts'

/** The 200 answer. */
export const succeeded = (data: object) => ({ success: true, data, error: null, code: null })

/** What is below these speaks this envelope, also where there is no such route. */
export const SIGNED_FAMILY = /^\/api\/v1\/(account|agent)(\/|$)/

/** Any error as an answer of this family; what is not expected tells nothing. */
export const signedEnvelope = {
  render(error: unknown, _known: ApiError, requestId: string) {
    const refusal = refusalOf(error)
    const { error: text, code, status } = SIGNED_ERRORS[refusal.id]
    const body = {
      success: false,
      data: refusal.data,
      error: refusal.message ? `${text}: ${refusal.message}` : text,
      code,
      error_id: refusal.id,
      request_id: requestId,
    }
    return { response: Response.json(body, { status, headers: refusal.headers }), outcome: refusal.id }
  },
} satisfies Envelope

/** The same where some errors have other names. */
const renamed = (rename: (error: unknown) => unknown): Envelope => ({
  ...signedEnvelope,
  render: (error, known, requestId) => signedEnvelope.render(rename(error), known, requestId),
})

/** For perp margin, whose "not enough" has a name of its own. */
export const perpEnvelope = /* @__PURE__ */ renamed((error) =>
  error instanceof LedgerRefusal && error.reason === 'insufficient_balance'
    ? new SignedRefusal('insufficient_perp_balance')
    : error,
)

/** For what only reads: nothing can have been carried out. */
export const readEnvelope = /* @__PURE__ */ renamed((error) =>
  error instanceof DatabaseError && error.outcome === 'unknown'
    ? new SignedRefusal('internal_server_error', NO_ANSWER.read)
    : error,
)

function refusalOf(error: unknown): SignedRefusal {
  if (error instanceof SignedRefusal) return error
  if (error instanceof LedgerRefusal) {
    const [id, detail] = LEDGER_REFUSALS[error.reason]
    return new SignedRefusal(id, detail, error.detail ? (JSON.parse(error.detail) as object) : null)
  }
  if (error instanceof ApiError) {
    const id = API_ERRORS[error.code]
    return id === 'internal_server_error'
      ? new SignedRefusal(id)
      : new SignedRefusal(id, error.message, null, error.headers)
  }
  if (error instanceof DatabaseError && error.nothingDone)
    return new SignedRefusal(
      'service_busy',
      'the database is busy or unavailable; nothing was done, try again',
      null,
      { 'Retry-After': String(BUSY_RETRY_AFTER_SECONDS) },
    )
  return error instanceof DatabaseError && error.outcome === 'unknown'
    ? new SignedRefusal(
        'internal_server_error',
        'it may have been carried out; send the same message again to know',
      )
    : new SignedRefusal('internal_server_error')
}
