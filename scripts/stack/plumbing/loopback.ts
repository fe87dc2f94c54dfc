/** What every HTTP stand-in does: listens on loopback, reads bodies up to a limit, and closes for good. */
import type { IncomingMessage, Server } from 'node:http'

export async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
}

/** Requests left hanging on purpose would keep a polite close waiting for ever. */
export async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve, reject) =>
    server.close((error) => (error ? reject(error) : resolve())),
  )
  server.closeAllConnections()
  await closed
}

/** Undefined when the body has more bytes than that; the rest of it is not read, and the request can still be answered. */
export async function readBody(request: IncomingMessage, bytesMax = Infinity): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  const incoming = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
  for await (const chunk of incoming) {
    bytes += chunk.length
    if (bytes > bytesMax) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
