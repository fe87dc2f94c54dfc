/** A client of the stream that keeps everything it was sent. */
import WebSocket from 'ws'
import { until } from './until.ts'

export interface BalanceData {
  token: string
  available: string
  frozen: string
  version: number
  ts: number
}
interface Message {
  type: string
  channel?: string
  code?: string
  success?: boolean
  message?: string
  data?: BalanceData
}

export interface StreamClient {
  socket: WebSocket
  messages: Message[]
  /** Of the token, in the order they came. */
  balances(token?: string): BalanceData[]
  say(message: unknown): void
  /** Asks, and waits for the snapshot's last token when it is known to have one. */
  subscribe(token?: string): Promise<void>
  /** How the server closed it. */
  closed: Promise<{ code: number; reason: string }>
  close(): Promise<void>
}

export type Credential = { bearer: string } | { protocols: string[] } | { headers: Record<string, string> }

const optionsOf = (credential: Credential): [string[], Record<string, string>] => {
  if ('protocols' in credential) return [credential.protocols, {}]
  if ('headers' in credential) return [[], credential.headers]
  return [[], { Authorization: `Bearer ${credential.bearer}` }]
}

/** @throws Error with the status and body of a refused upgrade */
export async function openStream(url: string, credential: Credential): Promise<StreamClient> {
  const [protocols, headers] = optionsOf(credential)
  // To inflate each small message costs more than all the rest of a client.
  const socket = new WebSocket(url, protocols, { headers, perMessageDeflate: false })
  const messages: Message[] = []
  socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString()) as Message))
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
  )
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
    socket.once('unexpected-response', (_request, response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk.toString()))
      response.on('end', () => reject(new UpgradeRefused(response.statusCode ?? 0, response.headers, body)))
    })
  })
  const say = (message: unknown) =>
    socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  const balances = (token?: string) =>
    messages.flatMap(({ data }) => (data && (token === undefined || data.token === token) ? [data] : []))
  return {
    socket,
    messages,
    balances,
    say,
    closed,
    async subscribe(token) {
      const before = balances(token).length
      const subscribed = () => messages.filter((message) => message.type === 'subscribed').length
      const answers = subscribed()
      say({ type: 'subscribe', channel: 'spot:user:balances' })
      await until(() => subscribed() > answers, 'subscribed')
      if (token !== undefined) await until(() => balances(token).length > before, `the snapshot of ${token}`)
    },
    async close() {
      socket.close()
      await closed
    },
  }
}

export class UpgradeRefused extends Error {
  constructor(
    readonly status: number,
    readonly headers: Record<string, unknown>,
    readonly body: string,
  ) {
    super(`upgrade refused with ${status} ${body}`)
  }
}

/** What a refused upgrade answered. */
export async function refusal(url: string, credential: Credential): Promise<UpgradeRefused> {
  try {
    const stream = await openStream(url, credential)
    await stream.close()
  } catch (error) {
    if (error instanceof UpgradeRefused) return error
    throw error
  }
  throw new Error('the upgrade was accepted')
}
