import type { Context } from 'hono'
import { cors } from 'hono/cors'
import { CORS_MAX_AGE_SECONDS } from '../limits.ts'

const ALLOWED_HEADERS = ['Authorization', 'Content-Type', 'X-API-Key', 'Idempotency-Key', 'X-Request-Id']
const EXPOSED_HEADERS = ['X-Request-Id', 'Idempotency-Replayed', 'Link', 'Retry-After']

/** CORS from the allow list in `CORS_ORIGINS`. */
export const crossOrigin = cors({
  origin: (origin, c: Context<{ Bindings: Readonly<Record<string, unknown>> }>) => {
    const configured = c.env.CORS_ORIGINS
    const list = (typeof configured === 'string' ? configured : '').split(',').map((item) => item.trim())
    return list.includes('*') ? '*' : list.includes(origin) ? origin : null
  },
  allowMethods: ['GET', 'POST', 'DELETE'],
  allowHeaders: ALLOWED_HEADERS,
  exposeHeaders: EXPOSED_HEADERS,
  maxAge: CORS_MAX_AGE_SECONDS,
})
