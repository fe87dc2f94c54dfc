/** The attacks of the suite that are in what a request carries: its body, its amounts, its addresses. */
import { describe, expect, test, vi } from 'vitest'
import { createApp } from '../functions/_lib/http/serve.ts'
import { BODY_BYTES_MAX } from '../functions/_lib/limits.ts'
import {
  client,
  credentials,
  each,
  endpoints,
  expectRefused,
  shoot,
  victim,
  withBody,
} from './support/attacker.ts'
import * as attacks from './support/attacks.ts'
import type { Answer } from './support/client.ts'
import { bodyFields, filledPath, isAddressField, sampleBody, type Listed } from './support/endpoints.ts'
import { functionsEnv } from './support/in-process.ts'

vi.spyOn(console, 'log').mockImplementation(() => undefined)
const env = { ...(await functionsEnv()), RATE_LIMITS: 'off' }

describe('bodies', () => {
  test.each(withBody.map((listed) => [listed.name, listed] as const))(
    '%s refuses what is no clean JSON object',
    async (_name, listed) => {
      const bodies = attacks.badBodies(sampleBody(listed, victim.account))
      await each(Object.entries(bodies), async ([name, { error, ...shot }]) =>
        expectRefused(listed, await shoot(listed, shot), error, name),
      )
    },
  )

  test.each(withBody.map((listed) => [listed.name, listed] as const))(
    '%s answers a body that never ends as soon as it is too long',
    async (_name, listed) => {
      const { answer, pulled, cancelled } = await endless(listed)
      expectRefused(listed, answer, 'PAYLOAD_TOO_LARGE', 'endless')
      expect(pulled).toBeLessThan(BODY_BYTES_MAX + 4096)
      expect(cancelled).toBe(true)
    },
  )

  test.each(withBody.map((listed) => [listed.name, listed] as const))(
    '%s answers 408 within 10 s to a body that stops coming or only trickles, and waits for no more of it',
    async (_name, listed) => {
      for (const everyMs of [1_000, 3_600_000]) {
        const { answer, cancelled } = await stalling(listed, everyMs)
        expectRefused(listed, answer, 'REQUEST_TIMEOUT', `a byte every ${everyMs} ms`)
        expect([answer.status, answer.body.error_id]).toEqual([
          408,
          listed.endpoint.access.kind === 'signed' ? 'request_timeout' : undefined,
        ])
        expect(cancelled).toBe(true)
      }
    },
  )

  test('every field of the wrong type is refused by name', async () => {
    await each(withBody, async (listed) => {
      for (const name of Object.keys(bodyFields(listed.endpoint))) {
        const body = JSON.stringify({ ...sampleBody(listed, victim.account), [name]: { not: ['this'] } })
        const answer = await shoot(listed, { body })
        expectRefused(listed, answer, 'INVALID_REQUEST', `${name} is an object`)
        if (listed.endpoint.access.kind !== 'signed') expect(answer.body.message).toContain(name)
      }
    })
  })
})

test('every near miss of an amount is refused, wherever an amount is taken', async () => {
  const takers = withBody.filter(({ endpoint }) => 'amount' in bodyFields(endpoint))
  expect(takers.length).toBeGreaterThan(1)
  const shots = takers.flatMap((listed) =>
    [
      ...attacks.BAD_AMOUNTS.map((amount) => [amount, 'INVALID_AMOUNT'] as const),
      ...attacks.NON_POSITIVE_AMOUNTS.map((amount) => [amount, 'AMOUNT_NON_POSITIVE'] as const),
      ...attacks.NO_AMOUNTS.map((amount) => [amount, 'INVALID_REQUEST'] as const),
    ].map(([amount, error]) => ({ listed, amount, error })),
  )
  await each(shots, async ({ listed, amount, error }) => {
    const body = JSON.stringify({ ...sampleBody(listed, victim.account), amount })
    expectRefused(
      listed,
      await shoot(listed, { body }),
      error,
      `amount ${JSON.stringify(amount).slice(0, 60)}`,
    )
  })
})

test('every near miss of an address is refused, wherever an address is taken', async () => {
  const shots = endpoints.flatMap((listed) => {
    const inBody = Object.keys(bodyFields(listed.endpoint)).filter(isAddressField)
    const inPath = [...listed.path.matchAll(/:([a-z_]+)/g)]
      .map((match) => match[1] ?? '')
      .filter(isAddressField)
    return [
      ...inBody.flatMap((name) =>
        attacks.BAD_ADDRESSES.map((address) => ({ listed, name, address, where: 'body' })),
      ),
      ...inBody.flatMap((name) =>
        attacks.NO_ADDRESSES.map((address) => ({ listed, name, address, where: 'body' })),
      ),
      ...inPath.flatMap((name) =>
        attacks.BAD_ADDRESSES.map((address) => ({ listed, name, address, where: 'path' })),
      ),
    ]
  })
  expect(shots.length).toBeGreaterThan(50)
  await each(shots, async ({ listed, name, address, where }) => {
    const shot =
      where === 'path'
        ? { params: { [name]: address as string } }
        : { body: JSON.stringify({ ...sampleBody(listed, victim.account), [name]: address }) }
    const bad = name === 'recipient' ? 'INVALID_RECIPIENT' : 'INVALID_ADDRESS'
    const error = typeof address === 'string' ? bad : 'INVALID_REQUEST'
    expectRefused(listed, await shoot(listed, shot), error, `${name} ${JSON.stringify(address).slice(0, 60)}`)
  })
})
/** Gives an endpoint a body without an end. */
async function endless(listed: Listed): Promise<{ answer: Answer; pulled: number; cancelled: boolean }> {
  let pulled = 0
  let cancelled = false
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (pulled > 2 ** 20) controller.error(new Error('still reading'))
      pulled += 1024
      controller.enqueue(new Uint8Array(1024).fill(0x20))
    },
    cancel: () => void (cancelled = true),
  })
  return { answer: await answerTo(listed, body), pulled, cancelled }
}

/** Gives an endpoint the first half of a good body, then a byte every `everyMs`, or nothing more; the clock is the test's. */
async function stalling(listed: Listed, everyMs: number): Promise<{ answer: Answer; cancelled: boolean }> {
  let cancelled = false
  let hasBegun: () => void
  const begun = new Promise<void>((resolve) => (hasBegun = resolve))
  const half = JSON.stringify(sampleBody(listed, victim.account)).slice(0, 20)
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(Buffer.from(half)),
    pull: async (controller) => {
      hasBegun()
      await new Promise((resolve) => setTimeout(resolve, everyMs))
      if (!cancelled) controller.enqueue(Uint8Array.of(0x20))
    },
    cancel: () => void (cancelled = true),
  })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const answering = answerTo(listed, body)
    await begun
    await vi.advanceTimersByTimeAsync(9_999)
    return { answer: await answering, cancelled }
  } finally {
    vi.useRealTimers()
  }
}

/** The Worker is called in this process, where it can be seen how it reads. */
async function answerTo(listed: Listed, body: ReadableStream<Uint8Array>): Promise<Answer> {
  const url = client.manifest.baseUrl.replace('/api/v1', '') + filledPath(listed.path, victim.account)
  const headers = { ...credentials(listed), 'Content-Type': 'application/json' }
  const init = { method: listed.endpoint.method, headers, body, duplex: 'half' } as RequestInit
  const app = createApp([{ functionName: listed.file, endpoints: [listed.endpoint] }])
  const response = await app.fetch(new Request(url, init), env)
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) as unknown }
}
