/** Tells an account's stream about committed balances. A push that fails is repaired by `version`; it fails nobody. */
import type { Push } from '../../db/client.ts'
import { OwnError } from '../../db/errors.ts'

/**
 * Sends each balance to the Durable Object of its account. Call it after the commit and outside the answer
 * (`call.after(...)`).
 */
export async function pushBalances(bindings: Record<string, unknown>, pushes: Push[]): Promise<void> {
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
