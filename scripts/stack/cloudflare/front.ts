/** One address in front of an edge that is started anew after each change: every request goes to the edge of its moment. */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { listen } from '../plumbing/loopback.ts'

export interface Front {
  port: number
  stop(): Promise<void>
}

/** `portNow` is where the edge of now listens. */
export async function startFront(portNow: () => Promise<number>): Promise<Front> {
  const server = createServer((request, response) => {
    handOn(portNow, request, response).catch(() => response.destroy())
  })
  const tunnels = new Set<Duplex>()
  server.on('upgrade', (request, client, head) => {
    tunnels.add(client)
    client.once('close', () => tunnels.delete(client))
    tunnel(portNow, request, client, head).catch(() => client.destroy())
  })
  await listen(server, 0)
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      server.closeAllConnections()
      for (const client of tunnels) client.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Names and values in turn. A connection that a client keeps is kept to here, and no further. */
const forwarded = (raw: readonly string[]): string[] =>
  raw.filter((_, at) => raw[at - (at % 2)]?.toLowerCase() !== 'connection')

async function handOn(
  portNow: () => Promise<number>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = 'GET', url: path = '/', rawHeaders } = request
  const behind = httpRequest({
    ...{ host: '127.0.0.1', port: await portNow(), agent: false },
    ...{ method, path, headers: forwarded(rawHeaders), setHost: false },
  })
  behind.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, forwarded(answer.rawHeaders))
    answer.on('error', () => response.destroy()).pipe(response)
  })
  behind.on('error', () => response.destroy())
  request.pipe(behind)
}

/** A WebSocket: bytes both ways, from its first line on. */
async function tunnel(
  portNow: () => Promise<number>,
  { method, url, rawHeaders }: IncomingMessage,
  client: Duplex,
  head: Buffer,
): Promise<void> {
  client.on('error', () => client.destroy())
  const behind = connect(await portNow(), '127.0.0.1')
  behind.on('error', () => client.destroy()).once('close', () => client.destroy())
  client.once('close', () => behind.destroy())
  const headers = rawHeaders.map((text, at) => text + (at % 2 === 0 ? ': ' : '\r\n')).join('')
  behind.write(`${method} ${url} HTTP/1.1\r\n${headers}\r\n`)
  behind.write(head)
  client.pipe(behind).pipe(client)
}
