/** The local edge in front of a runtime that this test plays. */
import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startEdge, type Answered, type Edge } from '../scripts/stack/edge.ts'
import { freePort } from '../scripts/stack/gateway.ts'
import { CHUNKED, JSON_TYPE, keptConnection } from './support/kept-connection.ts'
import { until } from './support/until.ts'

let server: Server | undefined
let edge: Edge | undefined
/** What the runtime got, whole or not. */
let received: IncomingMessage[] = []
let answered: Answered[] = []

const bodyOf = async (incoming: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const chunk of incoming) text += String(chunk)
  return text
}
async function serve(answer: RequestListener, port = 0): Promise<number> {
  server = createServer((incoming, response) => {
    received.push(incoming)
    answer(incoming, response)
  })
  await new Promise<void>((resolve) => server?.listen(port, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
async function stopServer(): Promise<void> {
  server?.closeAllConnections()
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)))
  server = undefined
}
/** The edge before a runtime that answers so, and a client of it. */
async function before(answer: RequestListener) {
  edge = await startEdge({
    port: 0,
    runtimePort: await serve(answer),
    onAnswer: (each) => answered.push(each),
  })
  return keptConnection(edge.port)
}

beforeEach(() => {
  received = []
  answered = []
})
afterEach(async () => {
  await edge?.stop()
  edge = undefined
  await stopServer()
})

describe('a POST', () => {
  test.each([
    ['a page of its own that says it was restarted', 503, 'text/plain', 'Your worker restarted mid-request.'],
    ['an error page', 500, 'text/html', '<h1>Error: Network connection lost.</h1>'],
  ])('that the runtime answers with %s has an unknown outcome, and is not sent twice', async (...row) => {
    const [, status, type, page] = row
    const client = await before(
      (_, response) => void response.writeHead(status, { 'Content-Type': type }).end(page),
    )
    const { status: got, text, headers } = await client.send('/api/v1/spot/transfer', '{}', JSON_TYPE)
    expect([got, JSON.parse(text)]).toEqual([
      500,
      {
        error: 'internal',
        message: expect.stringContaining('may have been carried out'),
        request_id: headers['x-request-id'],
      },
    ])
    expect(received).toHaveLength(1)
    client.close()
  })

  test.each([
    ['/api/v1/spot/transfer', {}, 'look before you repeat it'],
    ['/api/v1/spot/transfer', { 'Idempotency-Key': 'k' }, 'repeat it with its Idempotency-Key'],
    ['/api/v1/api-keys', { 'Idempotency-Key': 'k' }, 'look before you repeat it'],
    ['/api/v1/nothing', { 'Idempotency-Key': 'k' }, 'look before you repeat it'],
  ])(
    'to %s with %j that has no answer is told to be repeated only where a key makes that safe',
    async (...row) => {
      const [path, key, advice] = row
      const client = await before(
        (incoming) => void incoming.resume().once('end', () => incoming.socket.destroy()),
      )
      const { text } = await client.send(path, '{}', { ...JSON_TYPE, ...key })
      expect(JSON.parse(text)).toMatchObject({
        error: 'internal',
        message: `no answer came from the functions: the request may have been carried out; ${advice}`,
      })
      client.close()
    },
  )

  test('that the runtime breaks off has an unknown outcome, in the envelope of its family, and is not sent twice', async () => {
    const client = await before(
      (incoming) => void incoming.resume().once('end', () => incoming.socket.destroy()),
    )
    const id = { 'X-Request-Id': 'mine-1' }
    const { status, text } = await client.send('/api/v1/account/subaccount/create', '{}', {
      ...JSON_TYPE,
      ...id,
    })
    expect([status, JSON.parse(text)]).toEqual([
      500,
      {
        success: false,
        data: null,
        error: expect.stringContaining('it may have been carried out'),
        code: 500,
        error_id: 'internal_server_error',
        request_id: 'mine-1',
      },
    ])
    expect(received).toHaveLength(1)
    client.close()
  })

  test('has a connection to the runtime of its own: one that is closed while idle is never used again', async () => {
    const ports = new Set<number>()
    const client = await before((incoming, response) => {
      const { socket } = incoming
      ports.add(socket.remotePort ?? 0)
      void bodyOf(incoming).then(() => response.end('{}'))
      // As a runtime does whose patience with an idle connection is over just now.
      response.once('finish', () => socket.destroySoon())
    })
    const ours = new Set<number>()
    for (let round = 0; round < 20; round++) {
      const { status, localPort } = await client.send('/x', '{}', JSON_TYPE)
      expect(status).toBe(200)
      ours.add(localPort)
    }
    expect([ports.size, ours.size]).toEqual([20, 1])
    client.close()
  })

  test('waits for a runtime that is just being started, and is then carried out once', async () => {
    const runtimePort = await freePort()
    edge = await startEdge({ port: 0, runtimePort })
    const client = keptConnection(edge.port)
    const waiting = client.send('/x', '{"a":1}', JSON_TYPE)
    const bodies: string[] = []
    await serve((incoming, response) => {
      void bodyOf(incoming).then((text) => {
        bodies.push(text)
        response.end('{}')
      })
    }, runtimePort)
    expect(await waiting).toMatchObject({ status: 200, text: '{}' })
    expect([received.length, bodies]).toEqual([1, ['{"a":1}']])
    client.close()
  })

  test('waits while the runtime is exchanged, after those under way have had their answers', async () => {
    let finish!: () => void
    const client = await before((_, response) => void (finish = () => response.end('old')))
    const first = client.send('/first', '{}', JSON_TYPE)
    await until(() => received.length === 1, 'the first request')
    const events: string[] = []
    const exchanged = edge!.hold(async () => {
      events.push('exchange')
      await stopServer()
      return await serve((_, response) => void response.end('new'))
    })
    const other = keptConnection(edge!.port)
    const second = other.send('/second', '{}', JSON_TYPE)
    finish()
    expect((await first).text).toBe('old')
    events.push('first answered')
    await exchanged
    expect((await second).text).toBe('new')
    expect(received.map(({ url }) => url)).toEqual(['/first', '/second'])
    expect(events).toContain('exchange')
    client.close()
    other.close()
  })

  test('whose sender leaves is broken off at the runtime too, and is no answer in the log', async () => {
    await before(() => undefined)
    const sent = request({
      host: '127.0.0.1',
      port: edge!.port,
      path: '/x',
      method: 'POST',
      headers: CHUNKED,
    })
    sent.on('error', () => undefined).write('{"half":')
    await until(() => received.length === 1, 'the request')
    sent.destroy()
    await until(() => received[0]!.socket.destroyed, 'the end of the connection to the runtime')
    await until(() => answered.length === 1, 'its line')
    expect(answered[0]).toMatchObject({ method: 'POST', path: '/x', status: undefined })
  })

  test('goes on as it comes: its first half is there before its second was sent', async () => {
    const halves: string[] = []
    await before((incoming, response) => {
      incoming.on('data', (chunk: Buffer) => halves.push(String(chunk))).once('end', () => response.end('{}'))
    })
    const sent = request({
      host: '127.0.0.1',
      port: edge!.port,
      path: '/x',
      method: 'POST',
      headers: CHUNKED,
    })
    sent.write('first')
    await until(() => halves.length === 1, 'the first half')
    sent.end('second')
    await once(sent, 'response')
    expect(halves).toEqual(['first', 'second'])
  })
})

describe('the edge', () => {
  test('passes on what a function says in JSON, whatever its status', async () => {
    const said = JSON.stringify({ error: 'SERVICE_BUSY' })
    const client = await before((_, response) => void response.writeHead(503, JSON_TYPE).end(said))
    expect(await client.send('/x', '{}', JSON_TYPE)).toMatchObject({ status: 503, text: said })
    client.close()
  })

  test('says who calls, whatever the caller wrote there', async () => {
    const client = await before((_, response) => void response.end())
    await client.send('/x', undefined, {
      'CF-Connecting-IP': '203.0.113.1',
      'X-Forwarded-For': '203.0.113.3',
      'X-Mine': 'kept',
      'CF-IPCountry': 'XX',
      'True-Client-IP': '203.0.113.2',
      'MF-Original-URL': 'http://elsewhere.example.com/',
    })
    const { headers } = received.at(-1)!
    expect(headers).toMatchObject({
      'cf-connecting-ip': '127.0.0.1',
      'x-forwarded-for': '203.0.113.3, 127.0.0.1',
      'x-mine': 'kept',
    })
    expect(Object.keys(headers).filter((name) => /^(mf-|cf-(?!connecting-ip)|true-)/.test(name))).toEqual([])
    client.close()
  })

  test('keeps a connection that never said anything, and one that has been idle', async () => {
    const client = await before((_, response) => void response.end('{}'))
    expect((await client.send('/x')).headers['keep-alive']).toBeUndefined()
    expect((await client.send('/x')).headers.connection).toBe('keep-alive')
    client.close()
  })

  test('says of each request what was asked, without query and secrets, and what was answered', async () => {
    const client = await before((_, response) => void response.setHeader('X-Request-Id', 'req-7').end('{}'))
    await client.send('/health?token=secret')
    await client.send(`/api/v1/keys/${'5f'.repeat(32)}`, undefined, {}, 'DELETE')
    client.close()
    expect(answered).toEqual([
      { method: 'GET', path: '/health', status: 200, ms: expect.any(Number), requestId: 'req-7' },
      {
        method: 'DELETE',
        path: '/api/v1/keys/[redacted]',
        status: 200,
        ms: expect.any(Number),
        requestId: 'req-7',
      },
    ])
  })

  test('takes an upgrade that is no WebSocket for the request it is', async () => {
    const client = await before((incoming, response) => {
      void bodyOf(incoming).then((text) => response.end(text))
    })
    const h2c = { Connection: 'Upgrade', Upgrade: 'h2c' }
    expect(await client.send('/x', '{"a":1}', { ...JSON_TYPE, ...h2c })).toMatchObject({ text: '{"a":1}' })
    client.close()
  })

  test('refuses a WebSocket in the words of the runtime, and closes that connection', async () => {
    await before((_, response) => {
      response.writeHead(401, { ...JSON_TYPE, 'X-Request-Id': 'r' }).end('{"error":"UNAUTHORIZED"}')
    })
    const socket: Socket = connect(edge!.port, '127.0.0.1')
    const lines = ['GET /ws HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: websocket']
    socket.write(
      `${lines.join('\r\n')}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    )
    let said = ''
    for await (const chunk of socket) said += String(chunk)
    expect(said).toMatch(/^HTTP\/1\.1 401 /)
    expect(said).toContain('{"error":"UNAUTHORIZED"}')
    expect(answered).toEqual([expect.objectContaining({ path: '/ws', status: 401, requestId: 'r' })])
  })
})
