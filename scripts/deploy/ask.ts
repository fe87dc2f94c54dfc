/** One request to a host, also where its name leads elsewhere or nowhere. */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'

export interface Answer {
  status: number
  text: string
}

export interface Question {
  method?: string
  headers?: Record<string, string>
  body?: string
  /** Where the host is reached instead of by DNS, as with curl's --connect-to. */
  connectTo?: string | undefined
}

const LIMIT_MS = 10_000

/** @throws Error when no answer comes */
export async function askHost(host: string, path: string, question: Question = {}): Promise<Answer> {
  const { method = 'GET', headers, body, connectTo } = question
  const url = new URL(path, connectTo ?? `https://${host}`)
  const send = url.protocol === 'http:' ? httpRequest : httpsRequest
  const options = { method, headers: { host, ...headers }, servername: host, timeout: LIMIT_MS }
  return await new Promise((resolve, reject) => {
    const request = send(url, options, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += String(chunk)))
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('error', reject).end(body)
  })
}
