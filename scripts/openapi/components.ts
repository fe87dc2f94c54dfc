/** What operations refer to: the shapes of errors, the headers of answers, and the credentials. */
import type { Endpoint } from '../../functions/_lib/http/endpoint.ts'
import { jsonSchemaOf } from './schema.ts'

export type Components = Record<string, Record<string, object>>

export function componentsOf(endpoints: Endpoint[]): Components {
  const text = (description: string, example: string) => ({
    type: 'string',
    description,
    examples: [example],
  })
  const header = (description: string, example: string) => ({
    description,
    schema: text(description, example),
  })
  const named = endpoints.flatMap((endpoint) => Object.entries(endpoint.docs?.schemas ?? {}))
  return {
    schemas: {
      Error: {
        type: 'object',
        required: ['error', 'message', 'request_id'],
        properties: {
          error: text('For programs to match', 'INSUFFICIENT_BALANCE'),
          message: text('For people; may change', 'the source has less than that available'),
          request_id: text(
            'Also in X-Request-Id; quote it when you ask for help',
            '0d3b0d5e-5a5c-4b58-9d3c-3f6f6f0f2c11',
          ),
        },
      },
      SignedError: {
        type: 'object',
        required: ['success', 'data', 'error', 'code', 'error_id', 'request_id'],
        properties: {
          success: { type: 'boolean', description: 'Always false', examples: [false] },
          data: {
            type: ['object', 'null'],
            description: 'What was checked, or what was done before; else null',
            examples: [null],
          },
          error: text('For people; begins with the text that the errors list', 'Insufficient spot balance'),
          code: {
            type: 'integer',
            format: 'int64',
            description: 'The API’s own number, else the HTTP status',
            examples: [62],
          },
          error_id: text('For programs to match', 'insufficient_spot_balance'),
          request_id: text(
            'Also in X-Request-Id; quote it when you ask for help',
            '0d3b0d5e-5a5c-4b58-9d3c-3f6f6f0f2c11',
          ),
        },
      },
      ...Object.fromEntries(named.map(([name, schema]) => [name, jsonSchemaOf(schema, 'output')])),
    },
    headers: {
      'X-Request-Id': header('Of this request: the caller’s own when that was short and plain', 'order-4711'),
      'Retry-After': {
        description: 'Seconds to wait',
        schema: { type: 'integer', format: 'int64', description: 'Seconds to wait', examples: [1] },
      },
      Link: header(
        'The next page, when there is one: `<…>; rel="next"`',
        '</api/v1/spot/transfers?cursor=…>; rel="next"',
      ),
      'Idempotency-Replayed': header('`true` when this is the first answer again', 'true'),
    },
    securitySchemes: {
      session: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description:
          'Session token from POST /auth/login or the configured issuer: full access to its own account',
      },
      userApiKey: {
        type: 'apiKey',
        in: 'header',
        name: 'X-API-Key',
        description: 'API key from POST /api-keys: reads its own account',
      },
      adminKey: {
        type: 'apiKey',
        in: 'header',
        name: 'X-API-Key',
        description: 'The operator’s key: /admin/* only',
      },
    },
  }
}
