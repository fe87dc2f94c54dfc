import { once } from 'node:events'
import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'

export interface KeptAnswer {
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** Of our end of the connection: tells whether it is still the same. */
  localPort: number
}

/** A client with one connection, which it keeps as long as the server lets it. Headers are sent as they are given. */
export function keptConnection(port: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const send = async (
    path: string,
    body?: Buffer | string,
    headers: Record<string, string> = {},
    method = body === undefined ? 'GET' : 'POST',
  ): Promise<KeptAnswer> => {
    const sent = request({ host: '127.0.0.1', port, path, method, agent, headers })
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>
    sent.end(body)
    const [response] = await answered
    const localPort = response.socket.localPort ?? 0
    let text = ''
    for await (const chunk of response) text += String(chunk)
    return { status: response.statusCode ?? 0, headers: response.headers, text, localPort }
  }
  return { send, close: () => agent.destroy() }
}

export const CHUNKED = { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' }
export const JSON_TYPE = { 'Content-Type': 'application/json' }
