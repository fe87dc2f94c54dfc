/** The API as this page calls it: the example client, at the page's own origin. */
import { ApiFailure, createClient, type Operations } from '../examples/client.ts'

export { ApiFailure, repeated } from '../examples/client.ts'
export type Client = ReturnType<typeof createClient>
export type Token = Operations['GET /api/v1/wallet/tokens']['answer']['data'][number]
export type Balance = Operations['GET /api/v1/spot/balances']['answer']['balances'][number]
export type Withdrawal = Operations['GET /api/v1/spot/withdrawals']['answer'][number]
export type Entry = Operations['GET /api/v1/spot/transfers']['answer'][number]
export type Kind = Entry['kind']

export const clientWith = (token?: string): Client =>
  createClient(location.origin, token === undefined ? {} : { token })

export const adminClient = (apiKey: string): Client => createClient(location.origin, { apiKey })

/** Why something was not done, for a person; `isUnknown` where nobody can say whether it was. */
export interface Fault {
  text: string
  detail: string
  isUnknown: boolean
}

/** The only 5xx that leaves open what happened: all others say that nothing was done. */
const OPEN_OUTCOME = 500

export function faultOf(error: unknown): Fault {
  if (error instanceof ApiFailure) {
    const { status, code, requestId, message } = error
    const said = message.replace(/^\d+ [^:]*: /, '')
    const isUnknown = status === OPEN_OUTCOME || status > 503
    const text = isUnknown ? 'Nobody can say yet whether this was done.' : sentence(said)
    return {
      text,
      detail: `${status} ${code}${requestId === null ? '' : ` · request ${requestId}`}`,
      isUnknown,
    }
  }
  const { name, message, shortMessage } = error as Error & { shortMessage?: string }
  if (name === 'TypeError' || name === 'TimeoutError')
    return { text: 'No answer came: it may have been done all the same.', detail: message, isUnknown: true }
  return { text: sentence(shortMessage ?? message), detail: '', isUnknown: false }
}

const sentence = (text: string): string => {
  const begun = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(begun) ? begun : `${begun}.`
}
