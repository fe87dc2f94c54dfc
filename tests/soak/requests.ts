/** How a client asks: each request has its key, and an unknown outcome is asked again with the same key until answered. */
import type { PrivateKeyAccount } from 'viem/accounts'
import type { Stack } from '../../scripts/stack/stack.ts'
import { count, pause, type Books, type Entry, type Kind } from './books.ts'
import type { Random } from './random.ts'

export interface Asking {
  stack: Stack
  books: Books
  /** For what depends on answers, and so on time: pauses, and whether to ask once more. */
  jitter: Random
  /** Milliseconds of the clock after which a client gives up asking. */
  giveUpAt: () => number
}
export interface Request {
  headers: Record<string, string>
  body: object
}

const REQUEST_LIMIT_MS = 8_000

export function open(
  { books }: Asking,
  kind: Kind,
  named: Pick<Entry, 'account' | 'token' | 'amount' | 'key'> & { scope?: string },
): Entry {
  const scope = named.scope ?? named.account
  const entry: Entry = { kind, ...named, scope, outcome: 'unknown', attempts: 0, answers: [] }
  books.entries.push(entry)
  return entry
}

/** Asks until told. A client that hears of success now and then asks once more, as one that lost its own memory would. */
export async function settled(
  asking: Asking,
  entry: Entry,
  path: string,
  request: () => Request | Promise<Request>,
): Promise<Record<string, unknown> | undefined> {
  const { books, jitter } = asking
  while (Date.now() < asking.giveUpAt()) {
    entry.attempts += 1
    if (entry.attempts > 1) books.retries += 1
    const { status, text } = await post(asking, path, await request())
    const told =
      status === 200 || (entry.kind === 'subaccount' && status === 409 && text.includes('transfer_id'))
    if (told) {
      const answer = JSON.parse(text) as Record<string, unknown>
      entry.outcome = 'acknowledged'
      entry.answers.push(entry.kind === 'subaccount' ? idOf(answer) : text)
      if (entry.answers.length === 2 || jitter() > 0.05) return answer
    } else if (isRefusal(status, text, entry.attempts)) {
      entry.outcome = 'refused'
      entry.error = text
      return undefined
    } else await pause((status === 409 ? 500 : 50) + jitter() * 200)
  }
  return undefined
}

/** Another withdrawal in progress is final for a first attempt only: later it may be this very one. */
const isRefusal = (status: number, text: string, attempts: number): boolean =>
  status === 409
    ? attempts === 1 && text.includes('WITHDRAWAL_IN_PROGRESS')
    : status >= 400 && status < 500 && status !== 429

const idOf = (answer: Record<string, unknown>): string => (answer.data as { transfer_id: string }).transfer_id

/** `data`'s members must be in sorted order. */
export async function signed(by: PrivateKeyAccount, type: string, data: object, timestamp = Date.now()) {
  const message = JSON.stringify({ data, expiry_window: 60_000, timestamp, type })
  return { signature: await by.signMessage({ message }), timestamp, expiry_window: 60_000 }
}

/** Status 0 is no answer at all. */
export async function post(
  { books, stack }: Pick<Asking, 'books' | 'stack'>,
  path: string,
  { headers, body }: Request,
): Promise<{ status: number; text: string }> {
  books.requests += 1
  let answer = { status: 0, text: '' }
  try {
    const response = await fetch(stack.manifest.baseUrl + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
    })
    answer = { status: response.status, text: await response.text() }
  } catch {
    // Cut, refused or too late: the outcome is unknown.
  }
  count(books.statuses, String(answer.status))
  return answer
}
