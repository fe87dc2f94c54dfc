/**
 * A small typed client, to copy. `Operations` comes from the endpoints themselves (`npm run openapi`), so a wrong field
 * or a path that does not exist is a compile error.
 */
import WebSocket from 'ws'
import type { Error as ErrorBody, Operations, StreamBalance } from './api-types.ts'

export type { Operations, StreamBalance } from './api-types.ts'

export interface Credentials {
  token?: string
  apiKey?: string
}

/** Only what the operation has: no `body` where there is none. */
export type Input<K extends keyof Operations> = {
  [
    Part in 'params' | 'query' | 'body' as Operations[K][Part] extends undefined ? never : Part
  ]: Operations[K][Part]
} & { idempotencyKey?: string }

export class ApiFailure extends Error {
  constructor(
    readonly status: number,
    /** What programs match. */
    readonly code: string,
    readonly requestId: string | null,
    message: string,
  ) {
    super(`${status} ${code}: ${message}`)
  }
}

/** @example await createClient(origin, { token }).call('POST /api/v1/spot/transfer', { body: { … } }) */
export function createClient(origin: string, credentials: Credentials = {}) {
  /** @throws ApiFailure for every answer that is not 2xx */
  async function call<K extends keyof Operations>(
    operation: K,
    input: Input<K>,
  ): Promise<Operations[K]['answer']> {
    const [method = 'GET', path = '/'] = operation.split(' ')
    const { params, query, body, idempotencyKey } = input as {
      params?: Record<string, string>
      query?: Record<string, string | number>
      body?: unknown
      idempotencyKey?: string
    }
    const filled = path.replace(/\{(\w+)\}/g, (_all, name: string) =>
      encodeURIComponent(params?.[name] ?? ''),
    )
    const url = new URL(filled, origin)
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, String(value))
    const response = await fetch(url, {
      method,
      headers: {
        ...(credentials.token ? { Authorization: `Bearer ${credentials.token}` } : {}),
        ...(credentials.apiKey ? { 'X-API-Key': credentials.apiKey } : {}),
        ...(idempotencyKey ? { 'Idempotency-Key': idempotencyKey } : {}),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (response.ok) return (await response.json()) as Operations[K]['answer']
    const failure = (await response.json()) as ErrorBody
    throw new ApiFailure(
      response.status,
      failure.error,
      response.headers.get('X-Request-Id'),
      failure.message,
    )
  }

  /** Resolves when the snapshot is under way; `onBalance` then gets it, and every change after it. */
  async function subscribeBalances(onBalance: (balance: StreamBalance['data']) => void): Promise<WebSocket> {
    const socket = new WebSocket(new URL('/ws', origin.replace(/^http/, 'ws')), [
      'bearer',
      credentials.token ?? '',
    ])
    const subscribed = new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.on('message', (data: Buffer) => {
        const message = JSON.parse(data.toString()) as { type: string }
        if (message.type === 'subscribed') resolve()
        if (message.type === 'spot_user_balance') onBalance((message as StreamBalance).data)
      })
    })
    socket.once('open', () => socket.send('{"type":"subscribe","channel":"spot:user:balances"}'))
    await subscribed
    return socket
  }

  return { call, subscribeBalances }
}
