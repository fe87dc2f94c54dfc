import { createServer, connect, type AddressInfo } from 'node:net'

/**
 * Passes everything on to a local port, both ways, but for the answers to the first `times` requests that begin so: each is
 * swallowed and its connection cut, when the server has carried the request out.
 */
export async function withAnswersCut(
  port: number,
  request: string,
  times: number,
  work: (origin: string) => Promise<void>,
): Promise<number> {
  let cut = 0
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    let isDoomed = false
    client.on('data', (bytes) => {
      isDoomed ||= cut < times && bytes.toString('latin1').startsWith(request)
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (!isDoomed) return void client.write(bytes)
      cut += 1
      client.destroy()
    })
    client.on('error', () => undefined).once('close', () => upstream.destroy())
    upstream.on('error', () => undefined).once('close', () => client.end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.close()
  }
  return cut
}
