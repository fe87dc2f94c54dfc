import { neonConfig } from '@neondatabase/serverless'
import { expect, test } from 'vitest'
import '../db/client.ts'

const endpoint = neonConfig.fetchEndpoint as (host: string, port: number) => string

test('is Neon’s own for the region, and no host that only Postgres’s protocol is spoken at', () => {
  expect(endpoint('ep-cool-1-pooler.eu-central-1.aws.neon.tech', 5432)).toBe(
    'https://api.eu-central-1.aws.neon.tech/sql',
  )
})

test('is the local proxy’s on loopback alone', () => {
  expect(endpoint('127.0.0.1', 54321)).toBe('http://127.0.0.1:54321/sql')
  expect(endpoint('localhost', 54321)).toBe('http://localhost:54321/sql')
  expect(endpoint('127.0.0.1.example.com', 5432)).toMatch(/^https:/)
})
