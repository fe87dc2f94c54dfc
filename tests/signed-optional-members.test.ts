/** `null` equals absent for every optional member of every wallet-signed body. */
import { describe, expect, test } from 'vitest'
import * as z from 'zod/mini'
import { clientOf, newKey } from './support/client.ts'
import { allEndpoints } from './support/endpoints.ts'
import { SIGNED_SAMPLES } from './support/signed-samples.ts'
import { freshTime, newSolana, signedCalls, SPOT } from './support/subaccounts.ts'

const client = clientOf()
const signed = (await allEndpoints()).filter(({ endpoint }) => endpoint.access.kind === 'signed')
const optionalOf = ({ endpoint }: (typeof signed)[number]): string[] => {
  const { properties = {}, required = [] } = z.toJSONSchema(endpoint.body!, {
    io: 'input',
    unrepresentable: 'any',
  })
  return Object.keys(properties).filter((name) => !required.includes(name))
}

test('every optional member of the family is known to these tests', () => {
  const names = new Set(signed.flatMap(optionalOf))
  expect([...names].sort()).toEqual(['agent_wallet', 'expiry_window', 'idempotency_key'])
})

test.each(signed.flatMap((listed) => optionalOf(listed).map((name) => [name, listed.path, listed] as const)))(
  '%s null is as good as none at %s',
  async (name, path) => {
    const outcome = async (change: object) => {
      const body = await SIGNED_SAMPLES[path]!(newSolana(), client)
      const answer = await client.call(path, { json: { ...body, ...change } })
      return [answer.status, answer.body.error_id]
    }
    const without = await outcome({})
    expect(without[1]).not.toBe('invalid_request')
    expect(await outcome({ [name]: null })).toEqual(without)
  },
)

describe('an idempotency_key of null', () => {
  const sent = async (signedData: object) => {
    const { main, sub } = await signedCalls(client).family({ SOL: '1' })
    const data = { to_account: sub.address, symbol: 'SOL', amount: '1' }
    const body = await main.body(
      'transfer_spot_asset',
      { ...data, ...signedData },
      { timestamp: freshTime() },
    )
    return { sub, answer: await client.call(SPOT, { json: { ...body, idempotency_key: null } }) }
  }

  test.each([
    ['is not in the text', {}],
    ['is null in the text', { idempotency_key: null }],
  ])('moves once when it %s', async (_name, data) => {
    const { sub, answer } = await sent(data)
    expect(answer.status, answer.text).toBe(200)
    expect(await client.balancesOf(sub.address)).toEqual({ 'spot SOL': '1' })
  })

  test('does not stand for a key that was signed', async () => {
    const { sub, answer } = await sent({ idempotency_key: newKey() })
    expect([answer.status, answer.body.error_id]).toEqual([400, 'signature_verification_failed'])
    expect(answer.body.data.canonical_text).not.toContain('idempotency_key')
    expect(await client.balancesOf(sub.address)).toEqual({})
  })
})
