/** How the tests of rate limits count: addresses of their own, and whole windows. */
import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { Endpoint } from '../../functions/_lib/http/endpoint.ts'
import { RATES, type RateName } from '../../functions/_lib/limits.ts'
import type { Answer } from './client.ts'

export const anAddress = (): string => [10, ...randomBytes(3)].join('.')
export const from = (ip: string): Record<string, string> => ({ 'CF-Connecting-IP': ip })

/**
 * Does the attempt again, which takes new addresses and accounts each time, until no minute (the window of a stack's own
 * rates) ended meanwhile. An attempt that finds something used up answers undefined, and is made again, too.
 */
export async function inOneWindow<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  const now = () => Math.floor(Date.now() / 60_000)
  for (;;) {
    const began = now()
    const result = await attempt()
    if (result !== undefined && now() === began) return result
  }
}

/** A 429 as the endpoint's family says it. */
export function expectRateLimited(endpoint: Endpoint, answer: Answer, rate: RateName): void {
  expect(answer.status, answer.text).toBe(429)
  expect(answer.headers.get('retry-after')).toBe(String(RATES[rate].periodSeconds))
  if (endpoint.access.kind === 'signed')
    expect(answer.body).toEqual({
      success: false,
      data: null,
      error: expect.stringMatching(/^Rate limited/),
      code: 429,
      error_id: 'rate_limited',
      request_id: answer.headers.get('x-request-id'),
    })
  else expect(answer.body).toMatchObject({ error: 'RATE_LIMITED', request_id: expect.any(String) })
}
