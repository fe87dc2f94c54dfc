import * as z from 'zod/mini'
import { ping } from '../db/ledger/health.ts'
import { serve } from './_lib/http/serve.ts'
import { open } from './_lib/access/open.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { publicReads } from './_lib/ledgers.ts'
import { field } from './_lib/schemas.ts'

export const health = endpoint({
  method: 'GET',
  path: '/health',
  atRoot: true,
  tag: 'Public',
  summary: 'Health check',
  access: open,
  ledger: publicReads,
  response: z.object({
    status: field(z.literal('ok'), 'Always `ok`; anything else is an error', 'ok'),
    database: field(z.literal('ok'), 'The database answered', 'ok'),
  }),
  handle: async (call) => {
    await ping(call.db)
    return { status: 'ok', database: 'ok' }
  },
})

export default serve('health', health)
