/** Talks to the functions as a client would, and looks into the database as the owner can. */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { inject } from 'vitest'
import { issueSession } from '../../functions/_lib/access/session-token.ts'
import { localSecrets, type Manifest } from '../../scripts/stack/manifest.ts'
import { entriesOf, keysOf } from './account-rows.ts'
import { invariantsOf } from './invariants.ts'

export interface Answer {
  status: number
  headers: Headers
  text: string
  /** The parsed body, or undefined when it is not JSON. */
  body: any
}

export interface CallOptions {
  method?: string
  token?: string | undefined
  apiKey?: string
  /** An object is sent as JSON; a string as it is, also with content type JSON. */
  json?: unknown
  headers?: Record<string, string>
}

/** A client of one stack: of the shared one unless another is named. */
export function clientOf(manifest: Manifest = inject('stack'), folder: string = inject('stackFolder')) {
  const call = async (path: string, options: CallOptions = {}): Promise<Answer> => {
    const { json } = options
    const url = /^\/($|page\/|api\/|health|ws|docs|openapi|llms)/.test(path)
      ? manifest.baseUrl.replace('/api/v1', '') + path
      : manifest.baseUrl + path
    const response = await fetch(url, {
      method: options.method ?? (json === undefined ? 'GET' : 'POST'),
      headers: {
        ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(options.token ? { Authorization: `Bearer ${options.token}` } : {}),
        ...(options.apiKey === undefined ? {} : { 'X-API-Key': options.apiKey }),
        ...options.headers,
      },
      ...(json === undefined ? {} : { body: typeof json === 'string' ? json : JSON.stringify(json) }),
    })
    const text = await response.text()
    let body: unknown
    try {
      body = JSON.parse(text)
    } catch {
      body = undefined
    }
    return { status: response.status, headers: response.headers, text, body }
  }

  /** A session token that the functions accept, without the login. */
  const sessionFor = async (
    account: string,
    options: { now?: number; ttl?: number } = {},
  ): Promise<string> => {
    const { jwtSecret } = await localSecrets(folder)
    const now = options.now ?? Math.floor(Date.now() / 1000)
    return (
      await issueSession(
        { JWT_SECRET: jwtSecret, JWT_TTL_SECONDS: options.ttl ?? 3600 },
        account.toLowerCase().startsWith('0x') ? account.toLowerCase() : account,
        now,
      )
    ).token
  }

  /** A new account with a session, and spot balances when asked for. */
  const newAccount = async (credits: Record<string, string> = {}) => {
    const privateKey = generatePrivateKey()
    const wallet = privateKeyToAccount(privateKey)
    const account = wallet.address.toLowerCase()
    for (const [token, amount] of Object.entries(credits)) await credit(account, token, amount)
    return { account, address: wallet.address, privateKey, wallet, token: await sessionFor(account) }
  }

  const credit = async (account: string, token: string, amount: string): Promise<void> => {
    const answer = await call('/admin/spot/balances/credit', {
      apiKey: manifest.adminApiKey,
      json: { user_address: account, token, amount },
    })
    if (answer.status !== 200) throw new Error(`credit answered ${answer.status} ${answer.text}`)
  }

  const transfer = async (token: string, body: object, headers: Record<string, string> = {}) =>
    await call('/spot/transfer', { token, json: body, headers })

  /** `{ 'spot USDT': '100', … }` as the ledger has it, available and frozen joined when something is frozen. */
  const balancesOf = async (account: string): Promise<Record<string, string>> => {
    const rows = await sql<{ name: string; amount: string }>(
      `select wallet || ' ' || token as name, trim_scale(available)::text || case when frozen > 0 then '+' || trim_scale(frozen)::text else '' end as amount
       from balances where account = $1 order by 1`,
      [account],
    )
    return Object.fromEntries(rows.map((row) => [row.name, row.amount]))
  }

  // Kept for a moment: a connection costs more than most statements. One that failed is closed, whatever it had set.
  const owner = new pg.Pool({
    connectionString: manifest.databaseUrl,
    max: 40,
    idleTimeoutMillis: 2_000,
    allowExitOnIdle: true,
  })
  // A server that goes away ends idle connections too: the next statement opens its own.
  owner.on('error', () => undefined)
  const sql = async <Row>(query: string, params: unknown[] = []): Promise<Row[]> =>
    (await owner.query(query, params)).rows as Row[]

  /** How many rows each ledger table has: a refused request must leave this as it was. */
  const rowCounts = async (account: string): Promise<string> => {
    const rows = await sql<{ counts: string }>(
      `select concat_ws(' ', (select count(*) from ${entriesOf('array[$1]')}), (select count(*) from withdrawals where account = $1),
         (select count(*) from ${keysOf('array[$1]')}), (select count(*) from spot_admin_credits where user_address = $1),
         (select string_agg(wallet || token || available || '/' || frozen || '/' || version, ' ' order by wallet, token) from balances where account = $1)) as counts`,
      [account],
    )
    return rows[0]?.counts ?? ''
  }

  const broken = invariantsOf(manifest.databaseUrl)

  return { manifest, call, sessionFor, newAccount, credit, transfer, balancesOf, sql, rowCounts, broken }
}

export type Client = ReturnType<typeof clientOf>
export const newKey = (): string => randomUUID()
