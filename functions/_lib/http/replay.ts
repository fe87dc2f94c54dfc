import type { VerbResult } from '../../../db/client.ts'

/** The answer of a verb; one that an idempotency key brought back is the first answer byte for byte, and says so. */
export function replayable(result: VerbResult<object>): Response {
  return Response.json(result.answer, result.replayed ? { headers: { 'Idempotency-Replayed': 'true' } } : {})
}
