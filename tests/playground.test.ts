/** The wallet page where nobody wants it, and what the local stack's own page gets, tried by everybody else. */
import { request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { startEdge, type Edge } from '../scripts/stack/edge.ts'
import { writePrivate } from '../scripts/stack/manifest.ts'
import { playgroundOf } from '../scripts/stack/playground.ts'
import wallet from '../functions/wallet.ts'
import { clientOf } from './support/client.ts'

const client = clientOf()
const PATHS = ['/', '/page/app.js', '/page/app.css']

describe('the page', () => {
  test('is not there unless PLAYGROUND is exactly true, and looks like any path that is not', async () => {
    for (const PLAYGROUND of [undefined, '', 'TRUE', '1', 'yes'])
      for (const path of PATHS) {
        const answer = await wallet.fetch(new Request(`https://api.example.com${path}`), { PLAYGROUND })
        const { error, message } = (await answer.json()) as { error: string; message: string }
        expect([answer.status, error, message]).toEqual([404, 'NOT_FOUND', 'there is no such route'])
      }
  })

  test('allows nothing inline and nothing from another origin, and has at most 120 KB with its script', async () => {
    const answers = await Promise.all(PATHS.map(async (path) => await client.call(path)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(answers.map(({ headers }) => headers.get('content-type'))).toEqual([
      'text/html; charset=utf-8',
      'text/javascript; charset=utf-8',
      'text/css; charset=utf-8',
    ])
    const policy = answers[0]?.headers.get('content-security-policy')
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
    expect(policy).not.toMatch(/unsafe|https?:|\*/)
    expect(answers[0]?.text).not.toMatch(/<script>|<style|style=|onclick=|(?:src|href)="https?:/)
    const bytes = answers.reduce((sum, { text }) => sum + gzipSync(text).length, 0)
    expect(bytes).toBeLessThan(120_000)
  })

  test('a deployed function has nothing of the playground: neither its answers nor the keys', async () => {
    for (const path of ['/playground.json', '/playground/rpc', '/playground/chain'])
      expect((await fetch(new URL(path, client.manifest.baseUrl))).status).toBe(404)
    const script = (await client.call('/page/app.js')).text
    expect(script).not.toContain('0101010101010101')
    expect(script).not.toContain(client.manifest.adminApiKey)
  })
})

describe('the playground of a local stack', () => {
  let edge: Edge
  let folder: string
  let host: string
  const ask = async (path: string, headers: Record<string, string> = {}, body?: string) =>
    await new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const sent = { port: edge.port, path, headers: { Host: host, ...headers } }
      const call = request({ ...sent, method: body === undefined ? 'GET' : 'POST' }, (answer) => {
        let text = ''
        answer.on('data', (chunk) => (text += String(chunk)))
        answer.on('end', () => resolve({ status: answer.statusCode, text }))
      })
      call.on('error', reject).end(body)
    })
  const JSON_TYPE = { 'Content-Type': 'application/json' }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidegate-playground-'))
    await writePrivate(join(folder, 'dev.json'), JSON.stringify(inject('stack')))
    const runtimePort = Number(new URL(client.manifest.baseUrl).port)
    edge = await startEdge({ port: 0, runtimePort, answering: playgroundOf(folder) })
    host = `127.0.0.1:${edge.port}`
  })
  afterAll(async () => {
    await edge.stop()
    await rm(folder, { recursive: true, force: true })
  })

  test('gives its own page the accounts and the key, and every other request goes to the functions', async () => {
    const own = await ask('/playground.json', { Origin: `http://${host}`, 'Sec-Fetch-Site': 'same-origin' })
    expect(own.status).toBe(200)
    expect(JSON.parse(own.text)).toMatchObject({ chain_id: 31337, admin_key: client.manifest.adminApiKey })
    expect((await ask('/health')).text).toContain('"status":"ok"')
  })

  test.each([
    ['a page of another origin', { Origin: 'https://evil.example' }],
    ['a page of another port', { Origin: 'http://127.0.0.1:1' }],
    ['a sandboxed page', { Origin: 'null' }],
    ['a page that cannot say its origin', { 'Sec-Fetch-Site': 'cross-site' }],
    ['a name that was made to point here', { Host: 'evil.example' }],
  ])('tells %s nothing, and does nothing for it', async (_who, headers) => {
    for (const path of ['/playground.json', '/playground/operator', '/playground/chain']) {
      const { status, text } = await ask(path, headers)
      expect([status, JSON.parse(text)]).toEqual([403, expect.objectContaining({ error: 'FORBIDDEN' })])
    }
    const head = async () => (JSON.parse((await ask('/playground/chain')).text) as { head: number }).head
    const before = await head()
    expect((await ask('/playground/mine', { ...JSON_TYPE, ...headers }, '{}')).status).toBe(403)
    expect(await head()).toBe(before)
  })

  test('takes no body that a form of another page could send', async () => {
    const form = { 'Content-Type': 'text/plain' }
    expect((await ask('/playground/pause', form, '{"paused":true,"why":"x"}')).status).toBe(403)
    expect(await client.sql(`select from switches where name = 'withdrawals_paused' and engaged`)).toEqual([])
  })

  test('signs by the chain’s node for a page, and passes nothing on that only the stack may do', async () => {
    const [one] = client.manifest.accounts
    const rpc = async (method: string, params: unknown[]) =>
      JSON.parse((await ask('/playground/rpc', JSON_TYPE, JSON.stringify({ method, params }))).text) as object
    expect(await rpc('personal_sign', ['0x61', one?.address])).toEqual({
      result: expect.stringMatching(/^0x[0-9a-f]{130}$/) as string,
    })
    for (const method of [
      'anvil_setBalance',
      'evm_increaseTime',
      'debug_traceCall',
      'eth_sendRawTransaction',
    ])
      expect(await rpc(method, [])).toEqual({ error: expect.objectContaining({ code: -32_601 }) as object })
  })
})
