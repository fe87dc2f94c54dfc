/** The messages of the stream, both ways, with the words the reference page shows for them. */
import * as z from 'zod/mini'
import type { Push } from '../../../db/client.ts'
import { amountOut, field, SESSION_TOKEN_EXAMPLE, tokenIn, unixSeconds } from '../schemas.ts'

export const BALANCES_CHANNEL = 'spot:user:balances'
export const PING = '{"type":"ping"}'
export const PONG = '{"type":"pong"}'

const channel = () => field(z.literal(BALANCES_CHANNEL), 'The only channel there is', BALANCES_CHANNEL)
const type = <T extends string>(name: T) => field(z.literal(name), `Always \`${name}\``, name)

const token = () => field(z.string(), 'A session token, as POST /auth/login gives it', SESSION_TOKEN_EXAMPLE)

export const streamSchemas = {
  StreamAuth: z.strictObject({ type: type('auth'), token: token() }),
  StreamSubscribe: z.strictObject({
    type: type('subscribe'),
    channel: channel(),
    token: z.optional(token()),
  }),
  StreamUnsubscribe: z.strictObject({ type: type('unsubscribe'), channel: channel() }),
  StreamPing: z.strictObject({ type: type('ping') }),
  StreamAuthResult: z.object({
    type: type('auth_result'),
    success: field(z.boolean(), 'Whether the socket is signed in by this token', true),
    message: field(z.string(), 'For people', 'signed in'),
  }),
  StreamSubscribed: z.object({ type: type('subscribed'), channel: channel() }),
  StreamUnsubscribed: z.object({ type: type('unsubscribed'), channel: channel() }),
  StreamPong: z.object({ type: type('pong') }),
  StreamError: z.object({
    type: type('error'),
    code: field(
      z.enum(['INVALID_MESSAGE', 'INVALID_CHANNEL', 'AUTH_REQUIRED']),
      'For programs to match',
      'INVALID_CHANNEL',
    ),
    message: field(z.string(), 'For people', 'the only channel is spot:user:balances'),
  }),
  StreamBalance: z.object({
    type: type('spot_user_balance'),
    channel: channel(),
    data: field(
      z.object({
        token: tokenIn(),
        available: amountOut('Free to use', '5100'),
        frozen: amountOut('Held by open withdrawals', '0'),
        version: field(z.number(), 'Grows by one with each change of this balance', 8),
        ts: unixSeconds('When it was committed'),
      }),
      'The balance after the change',
    ),
  }),
}

type StreamErrorCode = 'INVALID_MESSAGE' | 'INVALID_CHANNEL' | 'AUTH_REQUIRED'

/** `token` is what came to sign in with: a message of any kind may bring one. */
export type ClientMessage =
  | { kind: 'subscribe' | 'unsubscribe' | 'ping'; token: string | undefined }
  | { kind: 'auth'; token: string }
  | { kind: 'invalid'; code: StreamErrorCode; message: string; token: string | undefined }

/** What a client wants, or what is wrong with its message; `undefined` is one that is no text. */
export function readClientMessage(text: string | undefined): ClientMessage {
  const invalid = (message: string, code: StreamErrorCode = 'INVALID_MESSAGE', token?: string) =>
    ({ kind: 'invalid', code, message, token }) as const
  if (text === undefined) return invalid('not UTF-8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return invalid('not valid JSON')
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return invalid('not a JSON object')
  const { type: kind, channel: named, ...rest } = value as Record<string, unknown>
  const token = rest.token ?? rest.auth_token ?? undefined
  if (token !== undefined && typeof token !== 'string') return invalid('token must be a text')
  if (kind === 'auth' || kind === 'auth_token')
    return token === undefined ? invalid('token is missing') : { kind: 'auth', token }
  if (kind === 'ping') return { kind, token: undefined }
  if (kind !== 'subscribe' && kind !== 'unsubscribe')
    return invalid('type is auth, subscribe, unsubscribe or ping')
  if (named === BALANCES_CHANNEL) return { kind, token }
  return invalid(`the only channel is ${BALANCES_CHANNEL}`, 'INVALID_CHANNEL', token)
}

export const errorMessage = (code: StreamErrorCode, message: string): string =>
  JSON.stringify({ type: 'error', code, message })

export const authResult = (success: boolean, message: string): string =>
  JSON.stringify({ type: 'auth_result', success, message })

export function balanceMessage({ token, available, frozen, version, ts }: Push): string {
  const data = { token, available, frozen, version, ts }
  return JSON.stringify({ type: 'spot_user_balance', channel: BALANCES_CHANNEL, data })
}
