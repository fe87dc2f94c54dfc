/** A source that changes while requests come. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { startDevGateway } from '../scripts/stack/dev-gateway.ts'
import { freePort, type Gateway } from '../scripts/stack/gateway.ts'
import { JSON_TYPE, keptConnection } from './support/kept-connection.ts'
import { until } from './support/until.ts'

/** All functions of a project that answers with one word, some time after it has read what it was sent. */
const project = (word: string) => `
  import { DurableObject } from 'cloudflare:workers'
  export class AccountStream extends DurableObject {}
  export default {
    async fetch(request) {
      const text = await request.text()
      await new Promise((resolve) => setTimeout(resolve, 20))
      return Response.json({ word: '${word}', text })
    },
  }
`

let folder: string
let entry: string
let gateway: Gateway
const said: string[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tidegate reload-'))
  entry = join(folder, 'index.ts')
  const envFile = join(folder, 'functions.json')
  writeFileSync(envFile, '{}')
  writeFileSync(entry, project('first'))
  gateway = await startDevGateway({
    entry,
    port: await freePort(),
    config: join(inject('stackFolder'), 'runtime.json'),
    envFile,
    persistTo: join(folder, 'runtime'),
    logFile: join(folder, 'functions.log'),
    onSources: (line) => said.push(line),
  })
})
afterAll(async () => {
  await gateway.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('no POST is lost or refused while the functions are exchanged, and what does not build changes nothing', async () => {
  const client = keptConnection(gateway.port)
  let sent = 0
  const post = async (): Promise<string> => {
    const body = String(sent++)
    const { status, text } = await client.send('/x', body, JSON_TYPE)
    expect([status, text]).toEqual([200, expect.stringContaining(`"text":"${body}"`)])
    return (JSON.parse(text) as { word: string }).word
  }
  const words = async (word: string) => await until(async () => (await post()) === word, word)

  await words('first')
  writeFileSync(entry, project('second'))
  await words('second')
  await until(() => said.length === 1, 'the line of the change')
  expect(said).toEqual(['the changed functions run'])

  writeFileSync(entry, 'export default {')
  await until(() => said.length === 2, 'the line of the fault')
  expect(said[1]).toMatch(/^the last good functions go on, [^\n]*index\.ts:1: [^\n]+$/)
  expect(await post()).toBe('second')

  writeFileSync(entry, project('third'))
  await words('third')
  client.close()
}, 180_000)
