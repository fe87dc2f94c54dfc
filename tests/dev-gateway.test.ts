/** What `npm run dev` serves: the functions from their sources behind the edge, on the shared stack's parts. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Answered } from '../scripts/stack/edge.ts'
import { startDevGateway } from '../scripts/stack/dev-gateway.ts'
import { freePort, type Gateway } from '../scripts/stack/gateway.ts'
import { functionsEnv } from './support/in-process.ts'
import { CHUNKED, JSON_TYPE, keptConnection } from './support/kept-connection.ts'
import { until } from './support/until.ts'

const { adminApiKey, accounts } = inject('stack')
const stackFolder = inject('stackFolder')
const credit = '/api/v1/admin/spot/balances/credit'
const body = JSON.stringify({ user_address: accounts[3]?.address, token: 'DF', amount: '1', reason: 'edge' })
const key = { 'X-API-Key': adminApiKey }
/** Every character that some way of passing variables would have changed. */
const ODD_ORIGIN = 'http://a$A${HOME}\'"`#\\n b\\'
const answered: Answered[] = []
let folder: string
let gateway: Gateway

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tidegate edge-'))
  const envFile = join(folder, 'functions.json')
  writeFileSync(envFile, JSON.stringify({ ...(await functionsEnv()), CORS_ORIGINS: ODD_ORIGIN }))
  gateway = await startDevGateway({
    port: await freePort(),
    config: join(stackFolder, 'runtime.json'),
    envFile,
    persistTo: join(folder, 'runtime'),
    logFile: join(folder, 'functions.log'),
    onAnswer: (each) => answered.push(each),
  })
})
afterAll(async () => {
  await gateway.stop()
  rmSync(folder, { recursive: true, force: true })
})

test.each([
  ['chunked', CHUNKED],
  ['with its length', JSON_TYPE],
])(
  'a body %s that is too large gets its 413, and the next POST on the connection is carried out',
  async (_, how) => {
    const client = keptConnection(gateway.port)
    const ports = new Set<number>()
    for (let round = 0; round < 15; round++) {
      const large = await client.send(credit, Buffer.alloc(2_000_000, ' '), { ...how, ...key })
      expect([large.status, JSON.parse(large.text)]).toEqual([
        413,
        expect.objectContaining({ error: 'PAYLOAD_TOO_LARGE', request_id: large.headers['x-request-id'] }),
      ])
      const next = await client.send(credit, body, { ...JSON_TYPE, ...key })
      expect([next.status, next.text]).toEqual([200, '{"ok":true}'])
      ports.add(large.localPort).add(next.localPort)
    }
    expect(ports.size).toBe(1)
    client.close()
  },
)

test('a POST that is refused before its body is read leaves the connection good for the next', async () => {
  const client = keptConnection(gateway.port)
  for (let round = 0; round < 10; round++) {
    const refused = await client.send(credit, Buffer.alloc(200_000, ' '), { ...CHUNKED, 'X-API-Key': 'no' })
    expect(refused.status).toBe(401)
    expect((await client.send(credit, body, { ...JSON_TYPE, ...key })).status).toBe(200)
  }
  client.close()
})

test('its request id is the one that stands in the log of the functions', async () => {
  answered.length = 0
  const client = keptConnection(gateway.port)
  await client.send('/health?token=secret')
  client.close()
  const [line] = answered
  expect(line).toMatchObject({ method: 'GET', path: '/health', status: 200 })
  const log = join(folder, 'functions.log')
  await until(async () => (await readFile(log, 'utf8')).includes(line!.requestId!), 'the line in the log')
})

test('a variable reaches the functions with every character it has', async () => {
  const client = keptConnection(gateway.port)
  const { headers } = await client.send('/health', undefined, { Origin: ODD_ORIGIN })
  client.close()
  expect(headers['access-control-allow-origin']).toBe(ODD_ORIGIN)
})

describe('a WebSocket', () => {
  test('passes both ways, and keeps the code and the reason it is closed with', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/ws`)
    const closed = once(socket, 'close') as Promise<[number, Buffer]>
    await once(socket, 'open')
    const direct = new WebSocket(inject('stack').wsUrl)
    const directClosed = once(direct, 'close') as Promise<[number, Buffer]>
    await once(direct, 'open')
    for (const each of [socket, direct])
      for (let tries = 0; tries < 20; tries++) each.send('{"type":"auth","token":"no"}')
    const [[code, reason], [directCode, directReason]] = await Promise.all([closed, directClosed])
    expect([code, String(reason)]).toEqual([directCode, String(directReason)])
    expect(code).not.toBe(1006)
  })
})
