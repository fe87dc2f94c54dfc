import type { ClientRequest, IncomingMessage } from 'node:http'
import { BODY_BYTES_MAX } from '../../functions/_lib/limits.ts'

/** What is read and dropped of a body that was refused, before its connection is given up. */
const DROPPED_BYTES_MAX = 64 * 1024 * 1024

/**
 * Passes a body on up to one byte more than a function takes, so that it refuses it by reading it, and drops the rest: a
 * connection with an unread body in it would have to be closed, and not every client sees that in time. What is kept
 * until the runtime is there is no more than that either.
 */
export function boundedBody(request: IncomingMessage): { into(upstream: ClientRequest): void } {
  const early: Buffer[] = []
  let write = (part: Buffer): void => void early.push(part)
  let end = (): void => void (ended = true)
  let ended = false
  let left = BODY_BYTES_MAX + 1
  let dropped = 0
  request.on('data', (chunk: Buffer) => {
    const part = chunk.subarray(0, left)
    dropped += chunk.length - part.length
    if (dropped > DROPPED_BYTES_MAX) return request.socket.destroy()
    if (left === 0) return
    left -= part.length
    write(part)
    if (left === 0) end()
  })
  request.once('end', () => end())
  const into = (upstream: ClientRequest): void => {
    write = (part) => void (upstream.destroyed || upstream.write(part))
    end = () => void upstream.end()
    for (const part of early) write(part)
    if (ended) end()
    // A body that broke off breaks off there too.
    request.once('close', () => request.complete || upstream.destroy())
  }
  return { into }
}
