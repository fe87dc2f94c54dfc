import { DrizzleQueryError } from 'drizzle-orm/errors'
import { afterEach, expect, it, vi } from 'vitest'
import { logFailure } from '../functions/_lib/log.ts'

afterEach(() => vi.restoreAllMocks())

it("logs a failed query's cause, and never its text or parameters", () => {
  const written = vi.spyOn(console, 'error').mockImplementation(() => {})
  const reset = Object.assign(new Error('connection reset'), { code: 'ECONNRESET' })
  const failed = new DrizzleQueryError('select * from api_keys where digest = $1', ['short-secret'], reset)
  // As db/client.ts wraps it, and under whatever name the class has.
  logFailure('request-1', new Error('database error without an answer', { cause: failed }))
  const line = String(written.mock.calls[0]?.[0])
  expect(line).not.toContain('short-secret')
  expect(line).not.toContain('api_keys')
  expect(line).toContain('database error without an answer')
  expect(line).toContain('connection reset')
  expect(line).toContain('ECONNRESET')
})

it('logs no message of any error that carries a query or its parameters', () => {
  const written = vi.spyOn(console, 'error').mockImplementation(() => {})
  for (const members of [{ query: 'select 1' }, { params: ['p'] }])
    logFailure('request-2', Object.assign(new Error('quotes short-secret'), members))
  expect(written).toHaveBeenCalledTimes(2)
  expect(JSON.stringify(written.mock.calls)).not.toContain('short-secret')
})
