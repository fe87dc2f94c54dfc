/** What a caller is told of a statement that failed, in the words of each family: never more than is known. */
import { describe, expect, test } from 'vitest'
import { DatabaseError, LedgerRefusal, REFUSALS } from '../db/errors.ts'
import type { Outcome } from '../db/outcome.ts'
import { ApiError, asApiError, ERROR_STATUS } from '../functions/_lib/errors.ts'
import type { Envelope } from '../functions/_lib/http/access.ts'
import { perpEnvelope, signedEnvelope } from '../functions/_lib/http/signed-envelope.ts'

const told = (envelope: Envelope, error: unknown) =>
  envelope.render(error, asApiError(error, 'internal', 'key'), 'id')

const failed = (outcome: Outcome, busy: boolean, sqlstate?: string) =>
  new DatabaseError(outcome, busy, sqlstate, new Error('secret words of the server'))

/** Every kind of failure, with whether nothing was done for sure and whether something may have been. */
const KINDS: [string, DatabaseError, nothingDone: boolean, mayBeDone: boolean][] = [
  ['it never began', failed('not_begun', false), true, false],
  ['it never began, and the server is full', failed('not_begun', true, '53300'), true, false],
  ['a lock, a conflict or a time limit undid it', failed('rolled_back', true, '57014'), true, false],
  ['a fault of ours undid it', failed('rolled_back', false, '42P01'), false, false],
  ['no answer came', failed('unknown', false), false, true],
  ['the server shut down', failed('unknown', false, '57P01'), false, true],
  ['its completion is unknown', failed('unknown', true, '40003'), false, true],
]

describe.each(KINDS)('where %s', (_name, error, nothingDone, mayBeDone) => {
  test('the error itself knows it', () => {
    expect(error.nothingDone).toBe(nothingDone)
  })

  test('the exchange family says to come back only where nothing was done, and names the doubt only where there is one', () => {
    const known = asApiError(error, 'internal', 'key')
    expect(known.code).toBe(nothingDone ? 'SERVICE_BUSY' : 'internal')
    expect(ERROR_STATUS[known.code]).toBe(nothingDone ? 503 : 500)
    expect(known.headers).toEqual(nothingDone ? { 'Retry-After': '1' } : {})
    expect(known.message.includes('nothing was done')).toBe(nothingDone)
    expect(known.message.includes('may have been carried out')).toBe(mayBeDone)
    expect(known.message).not.toContain('secret')
    // For the log.
    expect(known.cause).toBe(error)
  })

  test.each([signedEnvelope, perpEnvelope])('and so does the signed family', async (envelope) => {
    const { response, outcome } = told(envelope, error)
    const body = (await response.json()) as { error: string; error_id: string; success: boolean }
    const id = nothingDone ? 'service_busy' : 'internal_server_error'
    expect([response.status, outcome, body.error_id, body.success]).toEqual([
      nothingDone ? 503 : 500,
      id,
      id,
      false,
    ])
    expect(response.headers.get('retry-after')).toBe(nothingDone ? '1' : null)
    expect(body.error.includes('nothing was done')).toBe(nothingDone)
    expect(body.error.includes('may have been carried out')).toBe(mayBeDone)
    expect(body.error).not.toContain('secret')
  })
})

test('an error that nobody expected is the endpoint’s internal one, and tells nothing', async () => {
  const error = new Error('secret words')
  for (const code of ['internal error', 'DB_ERROR'] as const) {
    const known = asApiError(error, code, 'key')
    expect([known.code, known.message.includes('secret')]).toEqual([code, false])
  }
  const { response } = told(signedEnvelope, error)
  expect([response.status, await response.json()]).toEqual([
    500,
    expect.objectContaining({ error: 'Internal server error', data: null, code: 500, request_id: 'id' }),
  ])
})

test('no refusal of the ledger is told as an error of ours, and none as a doubt', () => {
  for (const reason of REFUSALS) {
    const known = asApiError(new LedgerRefusal(reason, '1'), 'internal', 'key')
    expect([reason, ERROR_STATUS[known.code] < 500 || known.code.endsWith('PAUSED') || known.code]).toEqual([
      reason,
      reason === 'reservation_gone' ? 'SIGNER_UNAVAILABLE' : true,
    ])
    expect(known.suffix).toBe(reason === 'below_minimum' ? ' 1' : '')
  }
})

test('a missing perp margin has a name of its own, and only there', async () => {
  const error = new LedgerRefusal('insufficient_balance', undefined)
  const ids = [perpEnvelope, signedEnvelope].map((envelope) => told(envelope, error).outcome)
  expect(ids).toEqual(['insufficient_perp_balance', 'insufficient_spot_balance'])
  expect(told(perpEnvelope, new LedgerRefusal('unsupported_token', undefined)).outcome).toBe(
    'asset_not_found',
  )
  const other = new ApiError('RATE_LIMITED', 'wait', { headers: { 'Retry-After': '10' } })
  const { response } = told(perpEnvelope, other)
  expect([response.status, response.headers.get('retry-after')]).toEqual([429, '10'])
})
