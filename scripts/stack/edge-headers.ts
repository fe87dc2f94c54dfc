import type { IncomingMessage } from 'node:http'

/** These speak of one connection only. */
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection', 'upgrade', 'te', 'trailer', 'expect']
/** What only the edge may say: who calls, and whatever else Cloudflare and Miniflare tell a Worker by headers. */
const OF_THE_EDGE = /^(?:cf-|mf-|true-client-ip$|x-forwarded-(?:for|proto|host)$)/

/**
 * A request's headers for the runtime, names and values in turn as they were sent. As at Cloudflare the caller's address
 * is `CF-Connecting-IP` whatever the caller wrote there, and the last of `X-Forwarded-For`.
 */
export function passedHeaders(request: IncomingMessage, without: string[] = []): string[] {
  const { rawHeaders, headers, socket } = request
  const address = socket.remoteAddress ?? ''
  const before = headers['x-forwarded-for']
  return [
    ...(headers.host === undefined ? ['Host', `127.0.0.1:${socket.localPort}`] : []),
    ...kept(rawHeaders, (name) => !OF_THE_EDGE.test(name) && !without.includes(name)),
    ...['CF-Connecting-IP', address, 'X-Forwarded-Proto', 'http'],
    ...['X-Forwarded-For', before === undefined ? address : `${String(before)}, ${address}`],
  ]
}

/** An answer's headers for the client: names and values, as they came. */
export const answeredHeaders = ({ rawHeaders }: IncomingMessage): [name: string, value: string][] => {
  const raw = kept(rawHeaders, (name) => name !== 'transfer-encoding')
  return raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? '']] : []))
}

/** All of them, as the lines they came in. */
export const rawLines = ({ rawHeaders }: IncomingMessage): string =>
  rawHeaders.map((text, at) => text + (at % 2 === 0 ? ': ' : '\r\n')).join('')

const kept = (raw: string[], isKept: (name: string) => boolean): string[] =>
  raw.filter((_, at) => {
    const name = (raw[at - (at % 2)] ?? '').toLowerCase()
    return !HOP_BY_HOP.includes(name) && isKept(name)
  })
