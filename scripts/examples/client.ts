/**
 * A small typed client, to copy: it needs nothing but what browsers and Node 22 have. `Operations` comes from the
 * endpoints themselves (`npm run openapi`), so a wrong field or a path that does not exist is a compile error.
 */
import type { Error as ErrorBody, Operations, SignedError, StreamBalance } from './api-types.ts'

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

const ANSWER_WAIT_MS = 20_000
const TRIES_MAX = 6
/** Refused for now: the same request can succeed a little later. */
const COME_AGAIN = [408, 429]
const STILL_RUNNING = 'REQUEST_IN_PROGRESS'
const SUBSCRIBE = '{"type":"subscribe","channel":"spot:user:balances"}'

/** The operations that answer a list in pages. */
export type Paged = {
  [K in keyof Operations]: Operations[K]['answer'] extends readonly unknown[] ? K : never
}[keyof Operations]

const pause = async (ms: number) => await new Promise((resolve) => setTimeout(resolve, ms))

export class ApiFailure extends Error {
  constructor(
    readonly status: number,
    /** What programs match: `error`, and `error_id` in the wallet-signed family. */
    readonly code: string,
    readonly requestId: string | null,
    message: string,
    readonly retryAfterMs = 0,
  ) {
    super(`${status} ${code}: ${message}`)
  }
}

/**
 * Does it until it is answered for good. Only for what may be repeated: reads, and changes with an idempotency key. No answer,
 * or a 500, says nothing about what was done; the same key finds out.
 * @throws what the last try threw
 */
export async function repeated<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      const refused = error instanceof ApiFailure ? error : undefined
      const { status = 500, code } = refused ?? {}
      const isFinal = status < 500 && !COME_AGAIN.includes(status) && code !== STILL_RUNNING
      if (isFinal || tries >= TRIES_MAX) throw error
      await pause(Math.max(refused?.retryAfterMs ?? 0, 100 * 2 ** tries))
    }
  }
}

/** @example await createClient(origin, { token }).call('POST /api/v1/spot/transfer', { body: { … } }) */
export function createClient(origin: string, credentials: Credentials = {}) {
  /** @throws ApiFailure for every answer that is not 2xx, another Error where none came */
  async function ask<K extends keyof Operations>(operation: K, input: Input<K>): Promise<Response> {
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
      signal: AbortSignal.timeout(ANSWER_WAIT_MS),
    })
    if (response.ok) return response
    throw await failureOf(response)
  }

  /** @throws ApiFailure for every answer that is not 2xx, another Error where no whole answer came */
  const call = async <K extends keyof Operations>(
    operation: K,
    input: Input<K>,
  ): Promise<Operations[K]['answer']> =>
    (await (await ask(operation, input)).json()) as Operations[K]['answer']

  /** One page of a list, with the `cursor` of the next one where there is one. @throws as `call` does */
  async function page<K extends Paged>(
    operation: K,
    input: Input<K>,
  ): Promise<{ items: Operations[K]['answer']; next: string | undefined }> {
    const response = await ask(operation, input)
    const link = /<([^>]+)>; rel="next"/.exec(response.headers.get('Link') ?? '')?.[1]
    const next = link === undefined ? undefined : (new URL(link).searchParams.get('cursor') ?? undefined)
    return { items: (await response.json()) as Operations[K]['answer'], next }
  }

  /**
   * Resolves when the server has taken the subscription. `onBalance` gets the snapshot, and every change after it; a movement
   * that is made meanwhile may be in the snapshot already. `again` asks for another one, where a push may have been lost.
   * @throws Error when it is refused, or closed before that
   */
  async function subscribeBalances(onBalance: (balance: StreamBalance['data']) => void) {
    const socket = new WebSocket(new URL('/ws', origin.replace(/^http/, 'ws')), [
      'bearer',
      credentials.token ?? '',
    ])
    const again = () => socket.send(SUBSCRIBE)
    let limit: ReturnType<typeof setTimeout> | undefined
    const taken = new Promise<void>((resolve, reject) => {
      limit = setTimeout(() => reject(new Error('the stream did not answer')), ANSWER_WAIT_MS)
      socket.onerror = () => reject(new Error('the stream was refused, or lost'))
      socket.onclose = ({ code }) => reject(new Error(`the stream was closed with ${code}`))
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(String(data)) as { type: string }
        if (message.type === 'subscribed') resolve()
        if (message.type === 'spot_user_balance') onBalance((message as StreamBalance).data)
      }
      socket.onopen = again
    })
    await taken
      .catch((error: unknown) => {
        socket.close()
        throw error
      })
      .finally(() => clearTimeout(limit))
    return { isOpen: () => socket.readyState === WebSocket.OPEN, again, close: () => socket.close() }
  }

  return { call, page, subscribeBalances }
}

/** Both families' errors; a proxy on the way may answer with something else. */
async function failureOf(response: Response): Promise<ApiFailure> {
  const { status, headers } = response
  const told = (await response.json().catch(() => undefined)) as ErrorBody | SignedError | undefined
  const [code = 'UNREADABLE', message = 'the answer is none of the API’s'] =
    told === undefined ? [] : 'error_id' in told ? [told.error_id, told.error] : [told.error, told.message]
  const retryAfterMs = 1000 * (Number(headers.get('Retry-After')) || 0)
  return new ApiFailure(status, code, headers.get('X-Request-Id'), message, retryAfterMs)
}
