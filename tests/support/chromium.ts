/** A real headless Chromium, driven over its DevTools protocol: no driver package needed. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import WebSocket from 'ws'

export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path))

const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
  '--remote-debugging-port=0',
]

interface Reply {
  id?: number
  method?: string
  params?: Record<string, unknown>
  result?: Record<string, unknown>
  error?: { message: string }
}

export interface Page {
  send(method: string, params?: object): Promise<Record<string, unknown>>
  /** The value of an expression in the page; a promise is awaited. */
  evaluate<T>(expression: string): Promise<T>
  /** Every URL the page asked for, WebSockets too. */
  requested: string[]
  /** What the console said, and whatever the page's policy refused. */
  complaints: string[]
  /** Called with what the page gives to a function that `Runtime.addBinding` put there. */
  onBinding(name: string, listener: (payload: string) => void): void
  close(): Promise<void>
}

/** Opens a blank page in a browser and a profile of its own. @throws Error when it does not start in time */
export async function openPage(): Promise<Page> {
  const profile = await mkdtemp(join(tmpdir(), 'tidegate-chromium-'))
  const args = [...FLAGS, `--user-data-dir=${profile}`, '--window-size=1280,900', 'about:blank']
  const browser = spawn(CHROMIUM ?? 'chromium', args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  const gone = new Promise<void>((resolve) => browser.once('close', () => resolve()))
  const stop = async () => {
    if (browser.pid !== undefined && browser.exitCode === null) process.kill(-browser.pid, 'SIGKILL')
    await gone
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const address = await debuggerAddress(browser.stderr)
    const list = (await (await fetch(`http://${address}/json/list`)).json()) as {
      type: string
      webSocketDebuggerUrl: string
    }[]
    const target = list.find(({ type }) => type === 'page')
    if (!target) throw new Error('Chromium has no page')
    return await attach(target.webSocketDebuggerUrl, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function debuggerAddress(stderr: NodeJS.ReadableStream): Promise<string> {
  return await new Promise((resolve, reject) => {
    let text = ''
    const timer = setTimeout(() => reject(new Error(`Chromium did not start: ${text.slice(-500)}`)), 30_000)
    stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const address = /DevTools listening on ws:\/\/([^/]+)\//.exec(text)?.[1]
      if (!address) return
      clearTimeout(timer)
      resolve(address)
    })
  })
}

async function attach(url: string, stop: () => Promise<void>): Promise<Page> {
  const socket = new WebSocket(url)
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const waiting = new Map<number, (reply: Reply) => void>()
  const requested: string[] = []
  const complaints: string[] = []
  const bindings = new Map<string, (payload: string) => void>()
  socket.on('message', (data: Buffer) => {
    const reply = JSON.parse(data.toString()) as Reply
    if (reply.id !== undefined) return waiting.get(reply.id)?.(reply)
    const params = reply.params as {
      request?: { url: string }
      url?: string
      entry?: { level: string; text: string }
      name?: string
      payload?: string
    }
    if (reply.method === 'Network.requestWillBeSent') requested.push(params.request?.url ?? '')
    if (reply.method === 'Network.webSocketCreated') requested.push(params.url ?? '')
    if (reply.method === 'Log.entryAdded' && params.entry?.level !== 'verbose')
      complaints.push(params.entry?.text ?? '')
    if (reply.method === 'Runtime.bindingCalled') bindings.get(params.name ?? '')?.(params.payload ?? '')
    if (reply.method === 'Runtime.exceptionThrown') complaints.push(JSON.stringify(reply.params))
  })
  let id = 0
  const send: Page['send'] = async (method, params = {}) => {
    id += 1
    const mine = id
    const reply = await new Promise<Reply>((resolve) => {
      waiting.set(mine, resolve)
      socket.send(JSON.stringify({ id: mine, method, params }))
    })
    if (reply.error) throw new Error(`${method}: ${reply.error.message}`)
    return reply.result ?? {}
  }
  for (const domain of ['Network', 'Log', 'Runtime', 'Page']) await send(`${domain}.enable`)
  return {
    send,
    requested,
    complaints,
    async evaluate<T>(expression: string) {
      const answer = await send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
      if (answer['exceptionDetails']) throw new Error(JSON.stringify(answer['exceptionDetails']))
      return (answer['result'] as { value: T }).value
    },
    onBinding: (name, listener) => void bindings.set(name, listener),
    async close() {
      socket.close()
      await stop()
    },
  }
}
