import type { IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type RawData, type WebSocket } from 'ws'
import type { Conditions } from './neon-proxy-faults.ts'
import type { PostgresAddress } from './neon-proxy-pool.ts'

export interface Tunnel {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Cuts every open connection without a goodbye. */
  cut(): void
}

const MESSAGE_BYTES_MAX = 64 * 1024 * 1024
const BUFFERED_BYTES_MAX = 1024 * 1024

/** Carries WebSocket messages to Postgres and back as they are: authentication stays end to end. */
export function createTunnel(address: PostgresAddress, conditions: Conditions): Tunnel {
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
  })
  server.on('connection', (socket) => {
    conditions.count('webSocketConnections')
    joinSockets(socket, connect({ ...address, noDelay: true }), conditions)
  })
  return {
    upgrade(request, socket, head) {
      const url = new URL(request.url ?? '/', 'http://localhost')
      if (url.pathname === '/v2' || url.searchParams.has('address')) {
        return server.handleUpgrade(request, socket, head, (client) =>
          server.emit('connection', client, request),
        )
      }
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n')
    },
    cut() {
      for (const client of server.clients) client.terminate()
    },
  }
}

function joinSockets(client: WebSocket, postgres: Socket, conditions: Conditions): void {
  const toPostgres = inOrder(conditions)
  const toClient = inOrder(conditions)

  client.on('message', (message: RawData) => {
    conditions.count('webSocketMessages')
    toPostgres(() => {
      if (postgres.writable && !postgres.write(message as Buffer)) client.pause()
    })
  })
  postgres.on('drain', () => client.resume())
  postgres.on('data', (chunk) => {
    toClient(() => {
      if (client.readyState !== client.OPEN) return
      client.send(chunk, () => postgres.resume())
      if (client.bufferedAmount > BUFFERED_BYTES_MAX) postgres.pause()
    })
  })
  client.on('close', () => toPostgres(() => postgres.end()))
  postgres.on('close', () => toClient(() => client.close()))
  client.on('error', () => postgres.destroy())
  postgres.on('error', () => {})
}

/** Delays each step and keeps their order, without one step's delay adding to the next one's. */
function inOrder(conditions: Conditions): (step: () => void) => void {
  let last = Promise.resolve()
  return (step) => {
    const passed = conditions.pass()
    last = last.then(async () => {
      await passed
      step()
    })
  }
}
