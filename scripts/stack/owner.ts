import pg from 'pg'
import { verifiedConnection } from '../../db/operate/connection.ts'
import { notAnswering } from './command.ts'
import { readManifest } from './manifest.ts'

/** What a server says while it cannot be used, where nothing of it is known to this command. */
const GONE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  '57P01',
  '57P02',
  '57P03',
])
const NO_LEDGER = new Set(['42P01', '42883', '3F000'])

/** `OWNER_DATABASE_URL` or, without it, the local stack. @throws Error in one line when no stack runs */
export const ownerUrl = (): string => process.env.OWNER_DATABASE_URL ?? readManifest().databaseUrl

/** The owner's statements, at `ownerUrl`. @throws Error in one line that says what a person can do */
export async function asOwner<T>(
  work: (query: <Row>(text: string, params?: unknown[]) => Promise<Row[]>) => Promise<T>,
): Promise<T> {
  return await withOwner(async (url) => {
    const client = new pg.Client({ connectionString: verifiedConnection(url) })
    // A server that goes away fails the query under way; unheard, this event would end the process beside it.
    client.on('error', () => {})
    await client.connect()
    try {
      return await work(async (text, params = []) => (await client.query(text, params)).rows as never)
    } finally {
      await client.end()
    }
  })
}

/** Work at the owner's database, whose failures are told in words. */
export async function withOwner<T>(work: (url: string) => Promise<T>): Promise<T> {
  const url = ownerUrl()
  try {
    return await work(url)
  } catch (error) {
    throw ownersFault(error, process.env.OWNER_DATABASE_URL === undefined)
  }
}

/** A failure at the owner's database in words for whoever typed the command. */
export function ownersFault(error: unknown, local: boolean): unknown {
  const { code = '', message } = error as NodeJS.ErrnoException
  if (GONE.has(code) || message === 'Connection terminated unexpectedly')
    return local
      ? notAnswering('Postgres')
      : new Error(`the database of OWNER_DATABASE_URL does not answer: ${message || code}`)
  if (code === 'ERR_INVALID_URL') return new Error('OWNER_DATABASE_URL is no connection string')
  if (NO_LEDGER.has(code))
    return new Error(
      `that database has no ledger of this version: \`npm run migrate\` brings it up to date (${message})`,
    )
  return error
}
