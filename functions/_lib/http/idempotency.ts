import type { IdempotencyInput } from '../../../db/ledger/transfer.ts'
import { ApiError } from '../errors.ts'
import { IDEMPOTENCY_KEY_LENGTH_MAX } from '../limits.ts'
import { sha256Hex } from '../sha256.ts'

const VISIBLE_ASCII = /^[\x21-\x7e]+$/

/**
 * The caller's `Idempotency-Key` with a hash of what was asked. The hash is over the parsed request, so the same
 * request with other white space or member order is still the same request.
 *
 * @throws ApiError INVALID_REQUEST when the key is empty, too long or not visible ASCII.
 */
export async function idempotencyOf(
  header: string | undefined,
  request: unknown,
): Promise<IdempotencyInput | undefined> {
  if (header === undefined) return undefined
  if (header.length > IDEMPOTENCY_KEY_LENGTH_MAX || !VISIBLE_ASCII.test(header)) {
    throw new ApiError('INVALID_REQUEST', 'Idempotency-Key must be 1 to 255 visible ASCII characters')
  }
  return { key: header, requestHash: await sha256Hex(sortedJson(request)) }
}

function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
