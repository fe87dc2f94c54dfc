import * as z from 'zod/mini'
import { ping } from '../db/ledger/health.ts'
import { serveOpen } from './_lib/http/serve.ts'
import { defineEndpoint } from './_lib/http/endpoint.ts'
import { commonEnv } from './_lib/env.ts'
import { publicReads } from './_lib/ledgers.ts'
import { field } from './_lib/schemas.ts'

export const health = defineEndpoint({
  method: 'GET',
  path: '/health',
  atRoot: true,
  tag: 'Public',
  summary: 'Is the service there, and does its database answer',
  access: 'none',
  env: z.object(commonEnv),
  ledger: publicReads,
  response: z.object({
    status: field(z.literal('ok'), 'Always ok: anything else is an error answer', 'ok'),
    database: field(z.literal('ok'), 'The database answered', 'ok'),
  }),
  errors: {},
  internal: 'internal error',
  handler: async (call) => {
    await ping(call.db)
    return { status: 'ok', database: 'ok' }
  },
})

export default serveOpen('health', health)
