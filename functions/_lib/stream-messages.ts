/** The messages of the stream, both ways, with the words the reference page shows for them. */
import * as z from 'zod/mini'
import type { Push } from '../../db/client.ts'
import { amountOut, field, tokenIn, unixSeconds } from './schemas.ts'

export const BALANCES_CHANNEL = 'spot:user:balances'
export const PING = '{"type":"ping"}'
export const PONG = '{"type":"pong"}'

const channel = () => field(z.literal(BALANCES_CHANNEL), 'The only channel there is', BALANCES_CHANNEL)
const type = <T extends string>(name: T) => field(z.literal(name), `Always \`${name}\``, name)

export const streamSchemas = {
  StreamSubscribe: z.strictObject({ type: type('subscribe'), channel: channel() }),
  StreamUnsubscribe: z.strictObject({ type: type('unsubscribe'), channel: channel() }),
  StreamPing: z.strictObject({ type: type('ping') }),
  StreamSubscribed: z.object({ type: type('subscribed'), channel: channel() }),
  StreamUnsubscribed: z.object({ type: type('unsubscribed'), channel: channel() }),
  StreamPong: z.object({ type: type('pong') }),
  StreamError: z.object({
    type: type('error'),
    code: field(z.enum(['INVALID_MESSAGE', 'INVALID_CHANNEL']), 'What programs match', 'INVALID_CHANNEL'),
    message: field(z.string(), 'For a person', 'the only channel is spot:user:balances'),
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

export type ClientMessage =
  | { kind: 'subscribe' | 'unsubscribe' | 'ping' }
  | { kind: 'invalid'; code: 'INVALID_MESSAGE' | 'INVALID_CHANNEL'; message: string }

/** What a client wants, or what is wrong with its message. */
export function readClientMessage(text: string): ClientMessage {
  const invalid = (message: string): ClientMessage => ({ kind: 'invalid', code: 'INVALID_MESSAGE', message })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return invalid('not valid JSON')
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return invalid('not a JSON object')
  const { type: kind, channel: named } = value as { type?: unknown; channel?: unknown }
  if (kind === 'ping') return { kind }
  if (kind !== 'subscribe' && kind !== 'unsubscribe') return invalid('type is subscribe, unsubscribe or ping')
  if (named === BALANCES_CHANNEL) return { kind }
  return { kind: 'invalid', code: 'INVALID_CHANNEL', message: `the only channel is ${BALANCES_CHANNEL}` }
}

export function balanceMessage({ token, available, frozen, version, ts }: Push): string {
  const data = { token, available, frozen, version, ts }
  return JSON.stringify({ type: 'spot_user_balance', channel: BALANCES_CHANNEL, data })
}
