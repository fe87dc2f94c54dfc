import { DrizzleQueryError } from 'drizzle-orm/errors'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { DatabaseError, OwnError } from '../db/errors.ts'
import { logFailure } from '../functions/_lib/log.ts'
import { isPlainRequestId } from '../functions/_lib/http/request-id.ts'

interface Cause {
  name: string
  code?: string
  message?: string
  at?: string[]
}
const written: string[] = []
beforeEach(() => {
  written.length = 0
  vi.spyOn(console, 'error').mockImplementation((line: string) => void written.push(line))
})
afterEach(() => vi.restoreAllMocks())
const causesOf = (error: unknown): Cause[] => {
  logFailure('request-1', error)
  return (JSON.parse(written.at(-1)!) as { causes: Cause[] }).causes
}

describe('logFailure', () => {
  test("logs a failed query's codes and our own words, and never its text, its parameters or what a library said", () => {
    const reset = Object.assign(new Error('reset while sending short-secret'), { code: 'ECONNRESET' })
    const failed = new DrizzleQueryError('select * from api_keys where digest = $1', ['short-secret'], reset)
    const causes = causesOf(new DatabaseError('unknown', false, undefined, failed))
    expect(written[0]).not.toMatch(/short-secret|api_keys/)
    expect(causes[0]?.message).toBe('database error without an answer')
    expect(causes[2]).toMatchObject({ name: 'Error', code: 'ECONNRESET' })
  })

  test('says of a stranger’s error where it was thrown, and of its message nothing', () => {
    const [cause] = causesOf(new TypeError('Invalid URL: postgresql://u:secret@h/d'))
    expect(cause).toMatchObject({ name: 'TypeError' })
    expect(cause).not.toHaveProperty('message')
    expect(cause?.at?.[0]).toMatch(/log\.test\.ts:\d+:\d+/)
    expect(written[0]).not.toContain('secret')
  })

  test('takes no line of a message for a place, and no text for a name or a code', () => {
    const posed = Object.assign(new Error('x\n    at secret (secret.js:1:1)'), {
      name: 'secret!',
      code: 'secret-code',
    })
    const [cause] = causesOf(posed)
    expect(cause?.name).toBe('Error')
    expect(written[0]).not.toContain('secret')
    const changed = new Error('one')
    changed.message = 'two'
    changed.stack = 'Error: one\n    at secret (secret.js:1:1)'
    causesOf(changed)
    expect(written.at(-1)).not.toContain('secret')
  })

  test('shows what is known word for word, as the runtime says it', () => {
    expect(causesOf(new Error('Network connection lost.'))[0]?.message).toBe('Network connection lost.')
    expect(causesOf(new Error('Network connection lost. secret'))[0]).not.toHaveProperty('message')
  })

  test('ends, however many causes an error has, and takes what is no error', () => {
    const loop = new OwnError('round')
    loop.cause = loop
    expect(causesOf(loop)).toHaveLength(6)
    expect(causesOf('a text')).toEqual([])
  })
})

describe('a request id', () => {
  test('that looks like a key, a token, a signature or a part of one is not kept', () => {
    const keys = [
      `tg_${'aB3'.repeat(14)}x`,
      'aB3'.repeat(14),
      'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9',
      'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
      'f0'.repeat(32),
      `0x${'f0'.repeat(32)}`,
      `0x${'f0'.repeat(65)}`,
      '5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ',
      'dGhpcyBpcyBhIHNlY3JldCBrZXk-dGhpc_M',
      'A'.repeat(33),
    ]
    for (const key of keys) expect(isPlainRequestId(key), key).toBe(false)
    expect(isPlainRequestId('019a0b3c-5d1e-7c4a-9b1a-0c8e2f4d6a10')).toBe(true)
  })
})
