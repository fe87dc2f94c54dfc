import { ApiError } from './errors.ts'
import { BODY_BYTES_MAX } from './limits.ts'
import { parseStrictJson, StrictJsonError } from './strict-json.ts'

/**
 * Reads a JSON object from a request, never more than the limit of bytes.
 * @throws ApiError UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE, INVALID_REQUEST
 */
export async function readJsonObject(request: Request): Promise<Record<string, unknown>> {
  const mediaType = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  if (mediaType !== 'application/json') {
    throw new ApiError('UNSUPPORTED_MEDIA_TYPE', 'send the body as Content-Type: application/json')
  }
  const bytes = await readBounded(request)
  const value = parsed(bytes)
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new ApiError('INVALID_REQUEST', 'the body must be a JSON object')
  }
  return value as Record<string, unknown>
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (error) {
    const said = error instanceof StrictJsonError ? error.message : 'the body is not valid UTF-8'
    throw new ApiError('INVALID_REQUEST', said)
  }
}

/** Counts while reading: a Content-Length may be missing or wrong, and a body may never end. */
async function readBounded(request: Request): Promise<Uint8Array> {
  const tooLarge = new ApiError('PAYLOAD_TOO_LARGE', `the body may have at most ${BODY_BYTES_MAX} bytes`)
  if (Number(request.headers.get('content-length') ?? 0) > BODY_BYTES_MAX) throw tooLarge
  if (!request.body) return new Uint8Array()
  const parts: Uint8Array[] = []
  let size = 0
  const reader = (request.body as ReadableStream<Uint8Array>).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    size += value.byteLength
    if (size > BODY_BYTES_MAX) {
      await reader.cancel().catch(() => undefined)
      throw tooLarge
    }
    parts.push(value)
  }
  const whole = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.byteLength
  }
  return whole
}
