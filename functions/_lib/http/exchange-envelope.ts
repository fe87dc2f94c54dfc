/** The error format of the exchange family: a bare body with the code that programs match. */
import { ERROR_STATUS } from '../errors.ts'
import type { Envelope } from './access.ts'

export const exchangeEnvelope: Envelope = {
  render(_error, known, requestId) {
    const code = known.code + known.suffix
    const body = { error: code, message: known.message, request_id: requestId }
    const response = Response.json(body, { status: ERROR_STATUS[known.code], headers: known.headers })
    return { response, outcome: code }
  },
}
