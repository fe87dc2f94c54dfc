/** What the edge itself has to say, in the words and the envelope of the route that was called. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { ApiError, ERROR_STATUS, NO_ANSWER, type Repeat } from '../../functions/_lib/errors.ts'
import { BUSY_RETRY_AFTER_SECONDS } from '../../functions/_lib/limits.ts'
import { isPlainRequestId } from '../../functions/_lib/http/request-id.ts'
import { SIGNED_FAMILY, signedEnvelope } from '../../functions/_lib/http/signed-envelope.ts'
import { SignedRefusal } from '../../functions/_lib/http/signed-errors.ts'
import { projectRoot } from './manifest.ts'

/** The runtime has the request, and does not say what became of it. */
export const refuseUnknown = (request: IncomingMessage, response: ServerResponse): void =>
  refuse(
    request,
    response,
    isSigned(request)
      ? new SignedRefusal(
          'internal_server_error',
          'it may have been carried out; send the same message again to know',
        )
      : new ApiError('internal', `no answer came from the functions: ${NO_ANSWER[repeatOf(request)]}`),
  )

/** As the function itself would have said it: a key helps where it was sent, and only where it is looked at. */
function repeatOf({ method, url = '', headers }: IncomingMessage): Repeat {
  if (method === 'GET' || method === 'HEAD') return 'read'
  if (headers['idempotency-key'] === undefined) return 'look'
  const { paths } = JSON.parse(readFileSync(join(projectRoot, 'functions/openapi.json'), 'utf8')) as {
    paths: Record<string, { post?: { parameters?: { name: string }[] } }>
  }
  const parameters = paths[url.split('?')[0] ?? '']?.post?.parameters ?? []
  return method === 'POST' && parameters.some(({ name }) => name === 'Idempotency-Key') ? 'key' : 'look'
}

/** The runtime is not there, so nothing was sent to it. */
export const refuseAway = (request: IncomingMessage, response: ServerResponse): void =>
  refuse(
    request,
    response,
    new ApiError('SERVICE_BUSY', 'the functions are not running; nothing was done, try again', {
      headers: { 'Retry-After': String(BUSY_RETRY_AFTER_SECONDS) },
    }),
  )

const isSigned = ({ url = '' }: IncomingMessage): boolean => SIGNED_FAMILY.test(url.split('?')[0] ?? '')

function refuse(request: IncomingMessage, response: ServerResponse, error: ApiError): void {
  if (response.writableEnded || response.destroyed) return
  if (response.headersSent) return void response.destroy()
  const given = request.headers['x-request-id']
  const requestId = typeof given === 'string' && isPlainRequestId(given) ? given : randomUUID()
  const { code, message, headers } = error
  const shown = { 'Content-Type': 'application/json', 'X-Request-Id': requestId, 'Cache-Control': 'no-store' }
  for (const [name, value] of Object.entries({ ...shown, ...headers })) response.setHeader(name, value)
  if (!isSigned(request)) {
    response.writeHead(ERROR_STATUS[code])
    return void response.end(JSON.stringify({ error: code, message, request_id: requestId }))
  }
  const { response: signed } = signedEnvelope.render(error, error, requestId)
  void signed.text().then((text) => response.writeHead(signed.status).end(text))
}
