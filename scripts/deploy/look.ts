/** Does what was deployed answer, by its own host and through its route? */
import { setTimeout as pause } from 'node:timers/promises'
import { askHost } from './ask.ts'

const LIMIT_MS = 60_000
const PAUSE_MS = 500

/** Routes and certificates take a while to be everywhere. @throws Error with the last answer */
export async function waitForHealth(host: string, connectTo?: string): Promise<void> {
  const deadline = Date.now() + LIMIT_MS
  let last = ''
  while (Date.now() < deadline) {
    try {
      const { status, text } = await askHost(host, '/health', { connectTo })
      if (status === 200) return
      last = `${status} ${text.slice(0, 200)}`
    } catch (error) {
      last = (error as Error).message
    }
    await pause(PAUSE_MS)
  }
  throw new Error(
    `https://${host}/health does not answer 200 (${last}). A route needs a proxied DNS record of its host; ` +
      'an error of the function is in its logs',
  )
}
