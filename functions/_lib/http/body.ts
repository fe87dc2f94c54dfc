import { ApiError } from '../errors.ts'
import { BODY_BYTES_MAX, BODY_TIMEOUT_MS, MEDIA_TYPE_LENGTH_MAX } from '../limits.ts'
import { parseStrictJson, StrictJsonError } from './strict-json.ts'

/**
 * Reads a JSON object from a request, never more than the limit of bytes and never longer than the limit of time.
 * @throws ApiError UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT, INVALID_REQUEST
 */
export async function readJsonObject(request: Request): Promise<Record<string, unknown>> {
  const contentType = (request.headers.get('content-type') ?? '').slice(0, MEDIA_TYPE_LENGTH_MAX)
  const mediaType = contentType.split(';')[0]?.trim().toLowerCase()
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

/** Counts while reading: a Content-Length may be missing or wrong, and a body may never end or never come. */
async function readBounded(request: Request): Promise<Uint8Array> {
  const tooLarge = new ApiError('PAYLOAD_TOO_LARGE', `the body may have at most ${BODY_BYTES_MAX} bytes`)
  const length = (request.headers.get('content-length') ?? '0').slice(0, 20)
  if (Number(length) > BODY_BYTES_MAX) throw tooLarge
  if (!request.body) return new Uint8Array()
  const reader = (request.body as ReadableStream<Uint8Array>).getReader()
  let timer!: ReturnType<typeof setTimeout>
  const late = new Promise<never>((_, reject) => {
    const error = new ApiError('REQUEST_TIMEOUT', 'the body did not arrive in time; nothing was done')
    timer = setTimeout(() => reject(error), BODY_TIMEOUT_MS)
  })
  try {
    return await Promise.race([allOf(reader, tooLarge), late])
  } catch (error) {
    // Not waited for: what does not come when it is read may not come when it is put away either.
    void reader.cancel().catch(() => undefined)
    throw error instanceof ApiError ? error : new ApiError('INVALID_REQUEST', 'the body ended early')
  } finally {
    clearTimeout(timer)
  }
}

async function allOf(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  tooLarge: ApiError,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    size += value.byteLength
    if (size > BODY_BYTES_MAX) throw tooLarge
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
