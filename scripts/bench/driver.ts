/**
 * The load, in a process of its own: prepared requests over keep-alive sockets, one in flight each. Bytes are written
 * as they are and an answer is only read as far as its end, so that the driver is not what is measured.
 */
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'

export interface Plan {
  port: number
  requests: string[]
  connections: number
  warmupMs: number
  ms: number
  /** Requests a second over all connections; as many as go through where it is not said. */
  perSecond?: number
}

export interface Measured {
  perSecond: number
  p50: number
  p95: number
  count: number
  /** Answers other than 200, and the first of them. */
  failures: number
  firstFailure: string | undefined
  /** Of one core. */
  driverCpu: number
}

interface Run {
  latencies: number[]
  failures: number
  firstFailure: string | undefined
  measuring: boolean
  done: boolean
  next: () => string
  /** Between two requests of one connection, at least. */
  everyMs: number
}

export async function measure(plan: Plan): Promise<Measured> {
  let at = Math.floor(Math.random() * plan.requests.length)
  const next = () => plan.requests[(at = (at + 1) % plan.requests.length)] ?? ''
  const run: Run = {
    latencies: [],
    failures: 0,
    firstFailure: undefined,
    measuring: false,
    done: false,
    next,
    everyMs: plan.perSecond === undefined ? 0 : (1000 * plan.connections) / plan.perSecond,
  }
  const clients = Array.from({ length: plan.connections }, async () => await client(plan.port, run))
  await passed(plan.warmupMs)
  run.measuring = true
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  await passed(plan.ms)
  run.done = true
  const elapsed = performance.now() - startedAt
  const spent = process.cpuUsage(cpu)
  await Promise.all(clients)
  return { ...summary(run.latencies, elapsed, spent), failures: run.failures, firstFailure: run.firstFailure }
}

export function summary(latencies: number[], elapsedMs: number, cpu: NodeJS.CpuUsage): Measured {
  const sorted = Float64Array.from(latencies).sort()
  const percentile = (share: number) => sorted[Math.floor(sorted.length * share)] ?? NaN
  return {
    perSecond: (sorted.length / elapsedMs) * 1000,
    p50: percentile(0.5),
    p95: percentile(0.95),
    count: sorted.length,
    failures: 0,
    firstFailure: undefined,
    driverCpu: (cpu.user + cpu.system) / 1000 / elapsedMs,
  }
}

const passed = async (ms: number) => await new Promise((resolve) => setTimeout(resolve, ms))

/** Sends one request after another on one socket until the run is done. */
async function client(port: number, run: Run): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  await new Promise<void>((resolve, reject) => {
    let sentAt = 0
    let dueAt = performance.now() + Math.random() * run.everyMs
    let answer = ''
    const sendWhenDue = () => {
      dueAt += run.everyMs
      const waitMs = run.everyMs === 0 ? 0 : dueAt - performance.now()
      if (waitMs > 0) setTimeout(send, waitMs)
      else send()
    }
    const send = () => {
      answer = ''
      sentAt = performance.now()
      socket.write(run.next(), 'latin1')
    }
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1')
      if (!isComplete(answer)) return
      record(run, answer, performance.now() - sentAt)
      if (run.done) finish(socket, resolve)
      else sendWhenDue()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the server closed a connection')))
    socket.once('connect', send)
  })
}

function finish(socket: Socket, resolve: () => void): void {
  resolve()
  socket.destroy()
}

function record(run: Run, answer: string, ms: number): void {
  if (!answer.startsWith('HTTP/1.1 200')) {
    run.failures += 1
    run.firstFailure ??= answer
  } else if (run.measuring && !run.done) run.latencies.push(ms)
}

/** Of a fixed length, or in chunks that end with the empty one. */
function isComplete(answer: string): boolean {
  const head = answer.indexOf('\r\n\r\n')
  if (head < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.slice(0, head))?.[1]
  return length === undefined ? answer.endsWith('\r\n0\r\n\r\n') : answer.length >= head + 4 + Number(length)
}
