/** Does what was deployed answer, by its own host and through its route? */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'

export interface Answer {
  status: number
  text: string
}

const LIMIT_MS = 60_000
const ONE_MS = 10_000
const PAUSE_MS = 500

/** `connectTo` is where the host is reached instead of by DNS, as curl's --connect-to. */
export async function getFrom(host: string, path: string, connectTo?: string): Promise<Answer> {
  const url = new URL(path, connectTo ?? `https://${host}`)
  const send = url.protocol === 'http:' ? httpRequest : httpsRequest
  return await new Promise((resolve, reject) => {
    const request = send(url, { headers: { host }, servername: host, timeout: ONE_MS }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += String(chunk)))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('error', reject).end()
  })
}

/** Routes and certificates take a while to be everywhere. @throws Error with the last answer */
export async function waitForHealth(host: string, connectTo?: string): Promise<void> {
  const deadline = Date.now() + LIMIT_MS
  let last = ''
  while (Date.now() < deadline) {
    try {
      const { status, text } = await getFrom(host, '/health', connectTo)
      if (status === 200) return
      last = `${status} ${text.slice(0, 200)}`
    } catch (error) {
      last = (error as Error).message
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  throw new Error(
    `https://${host}/health does not answer 200 (${last}). A route needs a proxied DNS record of its host; ` +
      'an error of the function is in its logs',
  )
}
