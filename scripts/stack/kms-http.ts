import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Operation } from './kms-faults.ts'
import { readBody } from './plumbing/loopback.ts'
import { AwsError } from './sigv4.ts'

const BODY_BYTES_MAX = 64 * 1024

/** @throws AwsError as AWS answers a body that is too large */
export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const body = await readBody(request, BODY_BYTES_MAX)
  if (!body) throw new AwsError('RequestEntityTooLargeException', 'Body too large.', 413)
  return body
}

/** The operation of an AWS JSON 1.1 request. */
export function operationOf(request: IncomingMessage): Operation {
  const { url, method, headers } = request
  const target = String(headers['x-amz-target'] ?? '')
  if (url !== '/' || method !== 'POST' || headers['content-type'] !== 'application/x-amz-json-1.1') {
    throw new AwsError('UnknownOperationException', 'POST / with application/x-amz-json-1.1 only.', 404)
  }
  if (target === 'TrentService.Sign') return 'Sign'
  if (target === 'TrentService.GetPublicKey') return 'GetPublicKey'
  throw new AwsError('UnknownOperationException', `No such operation here: '${target}'.`)
}

export function answer(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, headersFor(body)).end(body)
}

export function answerError(response: ServerResponse, error: AwsError): void {
  answer(response, error.status, JSON.stringify({ __type: error.type, message: error.message }))
}

/** The head and half of the body: what is left of an answer when its connection dies. */
export function answerHalf(response: ServerResponse, body: string, then: 'wait' | 'cut'): void {
  response.writeHead(200, headersFor(body))
  response.write(body.slice(0, body.length / 2), () => {
    if (then === 'cut') response.destroy()
  })
}

function headersFor(body: string): Record<string, string | number> {
  return {
    'content-type': 'application/x-amz-json-1.1',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-cache, no-store, must-revalidate, private',
    'x-amzn-requestid': randomUUID(),
  }
}
