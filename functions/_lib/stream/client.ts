/** How functions reach the Durable Object that holds an account's sockets. */
import type { Push } from '../../../db/client.ts'
import { OwnError } from '../../../db/errors.ts'
import type { Cutoff } from '../../../db/ledger/sessions.ts'
import type { Bound } from '../http/objects.ts'
import { STREAM_SIGN_OUT_TRIES } from '../limits.ts'

/**
 * Sends each balance to the Durable Object of its account. A push that fails is repaired by `version`; it fails nobody.
 * Call it after the commit and outside the answer (`call.after(...)`).
 */
export async function pushBalances(bindings: Bound<'STREAM'>, pushes: Push[]): Promise<void> {
  const streams = bindings.STREAM as DurableObjectNamespace | undefined
  if (!streams) return
  await Promise.all(
    [...new Set(pushes.map((push) => push.account))].map(async (account) => {
      const body = JSON.stringify(pushes.filter((push) => push.account === account))
      const stream = streams.get(streams.idFromName(account))
      const response = await stream.fetch('https://stream/push', { method: 'POST', body })
      if (!response.ok) throw new OwnError(`the stream answered ${response.status}`)
    }),
  )
}

/** Sessions that have ended: all that a cut-off ends, or one. */
export type Ended = { cutoff: Cutoff } | { id: string }

/**
 * Closes the account's sockets whose sessions have ended. Call it after that was committed: what is opened later is refused by
 * the ledger. @throws Error when the object cannot be told
 */
export async function endStreams(bindings: Bound<'STREAM'>, account: string, ended: Ended): Promise<void> {
  const streams = bindings.STREAM as DurableObjectNamespace
  for (let tries = 1; ; tries += 1) {
    try {
      // A new stub each time: one that failed stays broken.
      const stream = streams.get(streams.idFromName(account))
      const body = JSON.stringify(ended)
      const response = await stream.fetch('https://stream/sign-out', { method: 'POST', body })
      if (response.ok) return
      throw new OwnError(`the stream answered ${response.status}`)
    } catch (error) {
      if (tries >= STREAM_SIGN_OUT_TRIES) throw error
    }
  }
}
