/** An object that sleeps: it is put to bed by hand, since by itself it falls asleep after ten idle seconds. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Miniflare } from 'miniflare'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { freePort } from '../scripts/stack/gateway.ts'
import { miniflareOptions, WORKER_NAME } from '../scripts/stack/miniflare-options.ts'
import { clientOf } from './support/client.ts'
import { openStream, type StreamClient } from './support/stream.ts'
import { until } from './support/until.ts'

const stack = inject('stack')
let folder: string
let miniflare: Miniflare
let client: ReturnType<typeof clientOf>
let wsUrl: string
let wakes = 0

/** The functions of the shared stack once more, in this process. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidegate-test-'))
  const port = await freePort()
  const shared = inject('stackFolder')
  const task = {
    port,
    config: join(shared, 'runtime.json'),
    envFile: join(shared, 'functions.json'),
    persistTo: join(folder, 'runtime'),
    bundle: inject('bundle'),
  }
  miniflare = new Miniflare({
    ...miniflareOptions(task),
    handleStructuredLogs: ({ message }) => {
      if (message.includes('"stream_woke"')) wakes += 1
    },
  })
  await miniflare.ready
  const here = (url: string) => Object.assign(new URL(url), { port: String(port) }).toString()
  wsUrl = here(stack.wsUrl)
  client = clientOf({ ...stack, baseUrl: here(stack.baseUrl), wsUrl })
})
afterAll(async () => {
  await miniflare.dispose()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(() => void (wakes = 0))

const sleep = async (account: string) =>
  await miniflare.unsafeEvictDurableObject(WORKER_NAME, 'AccountStream', {
    name: account,
    webSockets: 'hibernate',
  })
const versions = (stream: StreamClient) => stream.balances('USDT').map(({ version }) => version)

test('a socket stays open while its object sleeps, and the next push comes with the next version; also one that signed in later', async () => {
  const { account, token } = await client.newAccount({ USDT: '1' })
  const stream = await openStream(wsUrl, { bearer: token })
  await stream.subscribe('USDT')
  const later = await openStream(wsUrl, { headers: {} })
  later.say({ type: 'auth', token })
  await later.subscribe('USDT')
  for (const version of [2, 3, 4]) {
    await sleep(account)
    await client.credit(account, 'USDT', '1')
    for (const each of [stream, later])
      await until(() => versions(each).at(-1) === version, `version ${version}`)
  }
  await client.credit(account, 'USDT', '1')
  for (const each of [stream, later]) {
    await until(() => versions(each).at(-1) === 5, 'the push to an object that is awake')
    expect(versions(each)).toEqual([1, 2, 3, 4, 5])
    await each.close()
  }
  // It did sleep each time, and woke with both sockets or it would not have said so.
  expect(wakes).toBe(3)
})
