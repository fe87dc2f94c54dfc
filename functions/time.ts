import * as z from 'zod/mini'
import { serve } from './_lib/http/serve.ts'
import { open } from './_lib/access/open.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { field, unixSeconds } from './_lib/schemas.ts'

export const time = endpoint({
  method: 'GET',
  path: '/time',
  tag: 'Public',
  summary: 'The server’s clock',
  description:
    'What logins and wallet-signed requests are held to: sign with this clock where your own may be wrong.',
  access: open,
  query: z.strictObject({}),
  response: z.object({
    time: unixSeconds('Now'),
    time_ms: field(
      z.number(),
      'The same in milliseconds, as wallet-signed requests have it',
      1_760_000_000_123,
    ),
  }),
  handle: async () => {
    const now = Date.now()
    return { time: Math.floor(now / 1000), time_ms: now }
  },
})

export default serve('time', time)
