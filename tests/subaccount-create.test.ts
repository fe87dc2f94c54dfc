import { describe, expect, test } from 'vitest'
import { clientOf } from './support/client.ts'
import { expectRefusal, freshTime, idOf, newEvm, newSolana, signedCalls } from './support/subaccounts.ts'
import type { Data, Wallet } from './support/wallets.ts'

const client = clientOf()
const { bind, create, createBody, family, send, spot, trace } = signedCalls(client)
const CREATE = '/account/subaccount/create'
const LIST = '/account/subaccount/list'
const list = async (main: Wallet) => await send(LIST, 'list_subaccounts', main, {})

describe('both sign, in every form, and the list shows the sub', () => {
  for (const as of ['plain', 'object', 'raw', 'legacy', 'v0', 'v1'] as const) {
    test(as, async () => {
      const [main, sub] = [newSolana(), newSolana()]
      const answer = await create(main, sub, { as })
      expect(answer.status, answer.text).toBe(200)
      expect(answer.body).toEqual({
        success: true,
        data: { main_account: main.address, subaccount: sub.address, created_at: expect.any(Number) },
        error: null,
        code: null,
      })
      const { created_at } = answer.body.data
      expect((await list(main)).body.data).toEqual({
        subaccounts: [
          {
            address: sub.address,
            balance: '0',
            pending_balance: '0',
            fee_level: 0,
            fee_mode: 'auto',
            created_at,
          },
        ],
      })
    })
  }

  test('a main account that signed over the whole hardware object', async () => {
    const [main, sub] = [newSolana(), newSolana()]
    const times = { timestamp: freshTime(), expiryWindow: 60_000 }
    const offer = await sub.sign('subaccount_initiate', { account: main.address }, { ...times, as: 'legacy' })
    const confirmation = await main.sign('subaccount_confirm', { signature: offer }, times)
    const answer = await client.call(CREATE, {
      json: {
        ...{ main_account: main.address, subaccount: sub.address },
        ...{ sub_signature: offer, main_signature: confirmation },
        ...{ timestamp: times.timestamp, expiry_window: 60_000 },
      },
    })
    expect(answer.status, answer.text).toBe(200)
  })

  test('an EVM main account and a Solana sub, and the other way round', async () => {
    for (const [main, sub] of [
      [newEvm(), newSolana()],
      [newSolana(), newEvm()],
    ] as const) {
      const answer = await create(main, sub)
      expect(answer.status, answer.text).toBe(200)
      expect(answer.body.data).toMatchObject({ main_account: idOf(main), subaccount: idOf(sub) })
      await client.credit(main.address, 'SOL', '2')
      expect((await spot(main, { to_account: sub.address, amount: '2' })).status).toBe(200)
    }
  })
})

test('the published rules: exists already, main is a sub, sub is a sub, no chain upward or downward', async () => {
  const { main, sub } = await family()
  const fresh = newSolana()
  const before = await trace(main, sub, fresh)
  expectRefusal(await create(main, sub), 400, 2, 'Subaccount already exists', 'subaccount_exists')
  expectRefusal(await create(sub, fresh), 400, 35, 'Main account is a subaccount', 'main_is_subaccount')
  expectRefusal(await create(fresh, sub), 400, 40, 'Account is already a subaccount', 'already_subaccount')
  expectRefusal(await create(sub, main), 400, 35, 'Main account is a subaccount', 'main_is_subaccount')
  expectRefusal(await create(fresh, main), 400, 400, 'Account in use', 'account_in_use')
  expectRefusal(await create(fresh, fresh), 400, 400, 'Invalid request', 'invalid_request')
  expect(await trace(main, sub, fresh)).toBe(before)
})

test('an account with a balance, or with a history and no balance, becomes nobody’s subaccount', async () => {
  const { main, sub } = await family({ SOL: '1' })
  const rich = newSolana()
  await client.credit(rich.address, 'SOL', '1')
  expectRefusal(await create(newSolana(), rich), 400, 400, 'Account in use', 'account_in_use')
  const emptied = main
  expect((await spot(emptied, { to_account: sub.address, amount: '1' })).status).toBe(200)
  expectRefusal(await create(newSolana(), emptied), 400, 400, 'Account in use', 'account_in_use')
})

test('a main account has at most 100 subaccounts', async () => {
  const main = newSolana()
  await client.sql(
    `select ledger.create_subaccount($1, '0x' || lpad(to_hex(n), 8, '0') || substr(md5($1), 1, 32), 100) from generate_series(1, 99) n`,
    [main.address],
  )
  expect((await create(main, newSolana())).status).toBe(200)
  expectRefusal(await create(main, newSolana()), 400, 400, 'Limit reached', 'limit_reached')
  expect((await list(main)).body.data.subaccounts).toHaveLength(100)
})

type Body = Awaited<ReturnType<typeof createBody>>
const MISSES: [string, string, (body: Body, main: Wallet, sub: Wallet) => Promise<object>][] = [
  [
    'the signatures are swapped',
    'signature_verification_failed',
    async (body) => ({ ...body, main_signature: body.sub_signature, sub_signature: body.main_signature }),
  ],
  [
    'the sides are swapped',
    'signature_verification_failed',
    async (body) => ({ ...body, main_account: body.subaccount, subaccount: body.main_account }),
  ],
  [
    'the sub offered itself to another',
    'signature_verification_failed',
    async (body) => ({ ...body, main_account: newSolana().address }),
  ],
  [
    'another sub than the one that signed',
    'signature_verification_failed',
    async (body) => ({ ...body, subaccount: newSolana().address }),
  ],
  [
    'another timestamp',
    'signature_verification_failed',
    async (body) => ({ ...body, timestamp: body.timestamp - 1 }),
  ],
  ['another window', 'signature_verification_failed', async (body) => ({ ...body, expiry_window: 40_000 })],
  [
    'the main account confirmed another offer',
    'signature_verification_failed',
    async (body, main, sub) => ({ ...body, sub_signature: (await createBody(main, sub)).sub_signature }),
  ],
  [
    'the main account signed an offer',
    'signature_verification_failed',
    async (body, main, sub) => ({
      ...body,
      main_signature: await signature(main, 'subaccount_initiate', { account: sub.address }, body),
    }),
  ],
  [
    'the main account signed the wrong member',
    'signature_verification_failed',
    async (body, main) => ({
      ...body,
      main_signature: await signature(main, 'subaccount_confirm', { account: body.sub_signature }, body),
    }),
  ],
  ['no signature of the main account', 'invalid_request', async ({ main_signature: _, ...body }) => body],
  ['a short signature of the sub', 'invalid_signature', async (body) => ({ ...body, sub_signature: 'abc' })],
  ['an agent is named', 'invalid_request', async (body) => ({ ...body, agent_wallet: body.subaccount })],
  [
    'a main account that is no key',
    'signature_verification_failed',
    async (body) => ({ ...body, main_account: 'nobody' }),
  ],
  ['a sub that is no key', 'invalid_public_key', async (body) => ({ ...body, subaccount: 'nobody' })],
  [
    'both are old',
    'invalid_message',
    async (_body, main, sub) => await createBody(main, sub, { timestamp: Date.now() - 40_000 }),
  ],
]
const signature = async (by: Wallet, type: string, data: Data, body: Body) =>
  await by.sign(type, data, { timestamp: body.timestamp })

test.each(MISSES)('no subaccount is made when %s', async (_name, id, change) => {
  const [main, sub] = [newSolana(), newSolana()]
  const json = await change(await createBody(main, sub), main, sub)
  const answer = await client.call(CREATE, { json })
  expectRefusal(answer, 400, 400, '', id)
  expect(await trace(main, sub)).toBe(await trace(newSolana()))
})

test('a key that becomes a main account or a subaccount stops being an agent', async () => {
  const squatter = newSolana()
  const [main, sub] = [newSolana(), newSolana()]
  for (const key of [main, sub]) expect((await bind(squatter, key)).status).toBe(200)
  expect((await create(main, sub)).status).toBe(200)
  const agents = await send('/agent/list', 'list_agent_wallets', squatter, {})
  expect(agents.body.data).toEqual({ agent_wallets: [], agents: [] })
})

test('only the account and its agents can list, and a stranger learns nothing', async () => {
  const { main, sub } = await family()
  const [agent, stranger] = [newSolana(), newSolana()]
  expect((await bind(main, agent)).status).toBe(200)
  const asAgent = await send(LIST, 'list_subaccounts', agent, {}, { account: main.address })
  expect(asAgent.body.data.subaccounts[0].address).toBe(sub.address)
  const asStranger = await send(LIST, 'list_subaccounts', stranger, {}, { account: main.address })
  expectRefusal(asStranger, 400, 400, 'Agent not authorized for account', 'agent_not_authorized')
  expect((await list(sub)).body.data).toEqual({ subaccounts: [] })
})
