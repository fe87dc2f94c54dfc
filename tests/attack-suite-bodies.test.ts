/** The attacks of the suite that are in what a request carries: its body, its amounts, its addresses. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, inject, test, vi } from 'vitest'
import { createApp } from '../functions/_lib/app.ts'
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

vi.spyOn(console, 'log').mockImplementation(() => undefined)
/** The functions' variables as the stack gave them: NAME='value' lines. */
const functionsEnv = Object.fromEntries(
  (await readFile(join(inject('stackFolder'), 'functions.env'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 2, -1)]),
) as Record<string, string>

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

  test('every field of the wrong type is refused by name', async () => {
    await each(withBody, async (listed) => {
      for (const name of Object.keys(bodyFields(listed.endpoint))) {
        const body = JSON.stringify({ ...sampleBody(listed, victim.account), [name]: { not: ['this'] } })
        const answer = await shoot(listed, { body })
        expectRefused(listed, answer, 'INVALID_REQUEST', `${name} is an object`)
        if (!listed.endpoint.renderError) expect(answer.body.message).toContain(name)
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
/** Gives an endpoint a body without an end. The Worker is called here, where it can be counted how much it reads. */
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
  const url = client.manifest.baseUrl.replace('/api/v1', '') + filledPath(listed.path, victim.account)
  const headers = { ...credentials(listed), 'Content-Type': 'application/json' }
  const init = { method: listed.endpoint.method, headers, body, duplex: 'half' } as RequestInit
  const response = await createApp([{ functionName: listed.file, endpoints: [listed.endpoint] }]).fetch(
    new Request(url, init),
    { ...functionsEnv, RATE_LIMITS: 'off' },
  )
  const text = await response.text()
  const answer = {
    status: response.status,
    headers: response.headers,
    text,
    body: JSON.parse(text) as unknown,
  }
  return { answer, pulled, cancelled }
}
