/**
 * What stands between a client and the local runtime, as Cloudflare's edge stands before a Worker. It says who calls, keeps
 * the client's connection good whatever a function did with a body, and lets requests wait while the runtime is exchanged.
 */
import { createServer, request as httpRequest, ServerResponse, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { loggedPath } from '../../functions/_lib/log.ts'
import { BODY_BYTES_MAX } from '../../functions/_lib/limits.ts'
import { boundedBody } from './edge-body.ts'
import { answeredHeaders, passedHeaders, rawLines } from './edge-headers.ts'
import { refuseAway, refuseUnknown } from './edge-refusals.ts'
import { RuntimeDoor } from './edge-runtime.ts'
import type { Answering } from './playground.ts'

export interface Answered {
  method: string
  /** Without the query, and without what may be a credential in the path. */
  path: string
  /** Undefined when the client left before it had its answer. */
  status: number | undefined
  ms: number
  requestId: string | undefined
}

export interface EdgeOptions {
  /** 0 takes any free one. */
  port: number
  runtimePort: number
  onAnswer?: ((answered: Answered) => void) | undefined
  /** Answers what no function does, and says whether it did. */
  answering?: Answering | undefined
}

export interface Edge {
  port: number
  /**
   * Lets new requests wait, and those that are under way end, while `exchange` puts another runtime in place; it answers
   * that one's port.
   */
  hold(exchange: () => Promise<number>): Promise<void>
  stop(): Promise<void>
}

/** Cloudflare takes 128 KB of headers; what a function takes of them is its own matter. */
const HEADERS_BYTES_MAX = 128 * 1024
const isWebSocket = ({ headers }: IncomingMessage): boolean => headers.upgrade?.toLowerCase() === 'websocket'

/** @throws Error when the port is taken */
export async function startEdge({ port, runtimePort, onAnswer, answering }: EdgeOptions): Promise<Edge> {
  const door = new RuntimeDoor(runtimePort)
  const sockets = new Set<Socket>()
  const settings = {
    // No connection is closed for being idle: a client that comes back must not meet one that is just going.
    ...{ keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0, maxHeaderSize: HEADERS_BYTES_MAX },
    // Node's types do not know it yet. Any other upgrade (h2c) is a wish that a server may pass over.
    shouldUpgradeCallback: isWebSocket,
  }
  const server = createServer(settings, (request, response) => {
    report(request, response, onAnswer)
    if (answering?.(request, response)) return
    void forward(request, response, door)
  })
  server.on('upgrade', (request, socket, head) => {
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket as Socket)
    response.once('finish', () => (socket as Socket).destroySoon())
    report(request, response, onAnswer)
    void tunnel(request, response, socket as Socket, head, door)
  })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(port, '127.0.0.1', resolve),
  )
  return {
    port: (server.address() as AddressInfo).port,
    hold: async (exchange) => await door.hold(exchange),
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

async function forward(request: IncomingMessage, response: ServerResponse, door: RuntimeDoor): Promise<void> {
  const body = boundedBody(request)
  const socket = await door.connect(response)
  if (socket === undefined) return refuseAway(request, response)
  // Its true length would be a promise that the runtime waits for.
  const tooLong = Number(request.headers['content-length']) > BODY_BYTES_MAX
  const headers = passedHeaders(request, tooLong ? ['content-length'] : [])
  const upstream = httpRequest({
    createConnection: () => socket,
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    headers: tooLong ? [...headers, 'Transfer-Encoding', 'chunked'] : headers,
  })
  upstream.once('response', (answer) => pass(request, response, answer))
  upstream.on('error', () => refuseUnknown(request, response))
  response.once('close', () => upstream.destroy())
  body.into(upstream)
}

function pass(request: IncomingMessage, response: ServerResponse, answer: IncomingMessage): void {
  const status = answer.statusCode ?? 0
  const isJson = answer.headers['content-type']?.includes('json') ?? false
  // The functions say everything in JSON: a failure in other words is the runtime's own page.
  if (status >= 500 && !isJson && !request.url?.startsWith('/cdn-cgi/')) {
    answer.resume()
    return refuseUnknown(request, response)
  }
  for (const [name, value] of answeredHeaders(answer)) response.appendHeader(name, value)
  response.writeHead(status)
  answer.on('error', () => response.destroy()).pipe(response)
}

/** A WebSocket: bytes both ways once the runtime took it, so that every frame and close code is passed on as it is. */
async function tunnel(
  request: IncomingMessage,
  response: ServerResponse,
  client: Socket,
  head: Buffer,
  door: RuntimeDoor,
): Promise<void> {
  client.on('error', () => client.destroy())
  const socket = await door.connect(response)
  if (socket === undefined) return refuseAway(request, response)
  const upstream = httpRequest({
    createConnection: () => socket,
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    headers: [...passedHeaders(request), 'Connection', 'Upgrade', 'Upgrade', 'websocket'],
  })
  const abort = () => upstream.destroy()
  client.once('close', abort)
  upstream.once('response', (answer) => pass(request, response, answer))
  upstream.on('error', () => refuseUnknown(request, response))
  upstream.once('upgrade', (answer, runtime: Socket, early) => {
    response.statusCode = answer.statusCode ?? 101
    for (const [name, value] of answeredHeaders(answer)) response.appendHeader(name, value)
    response.detachSocket(client)
    response.emit('close')
    client.off('close', abort).write(`HTTP/1.1 101 Switching Protocols\r\n${rawLines(answer)}\r\n`)
    client.write(early)
    runtime.write(head)
    // Each end closes the other, after what it has said has been written.
    runtime.on('error', () => client.destroy()).once('close', () => client.destroySoon())
    client.once('close', () => runtime.destroySoon())
    client.pipe(runtime).pipe(client)
  })
  upstream.end()
}

function report(request: IncomingMessage, response: ServerResponse, onAnswer: EdgeOptions['onAnswer']): void {
  if (onAnswer === undefined) return
  const began = performance.now()
  const [path = '/'] = (request.url ?? '/').split('?')
  response.once('close', () => {
    const isAnswered = response.writableFinished || response.statusCode === 101
    const requestId = response.getHeader('x-request-id')
    onAnswer({
      method: request.method ?? '',
      path: loggedPath(path),
      status: isAnswered ? response.statusCode : undefined,
      ms: Math.round(performance.now() - began),
      requestId: typeof requestId === 'string' ? requestId : undefined,
    })
  })
}
