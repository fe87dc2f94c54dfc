import { beforeAll, describe, expect, test } from 'vitest'
import { clientOf, newKey } from './support/client.ts'
import { expectRefusal, freshTime, newEvm, newSolana, signedCalls, SPOT } from './support/subaccounts.ts'
import { type FlatBody, type SolanaWallet, type Wallet } from './support/wallets.ts'

const client = clientOf()
const { bind, family, trace } = signedCalls(client)
const TYPE = 'transfer_spot_asset'
let main: Wallet, sub: Wallet, agent: SolanaWallet, stranger: SolanaWallet, other: Wallet, sibling: Wallet

beforeAll(async () => {
  ;({ main, sub } = await family({ SOL: '10', DF: '5' }))
  ;({ main: other, sub: sibling } = await family({ SOL: '10' }))
  agent = newSolana()
  stranger = newSolana()
  expect((await bind(main, agent)).status).toBe(200)
})

const data = () => ({ to_account: sub.address, symbol: 'SOL', amount: '1' })
/** Rightly signed over other fields or times. */
const signed =
  (
    change: Record<string, unknown>,
    options: Partial<{ timestamp: number; expiryWindow: number | null }> = {},
  ) =>
  async () =>
    await main.body(
      TYPE,
      { ...data(), ...change },
      { timestamp: freshTime(), expiryWindow: 30_000, ...options },
    )
/** Rightly signed, then changed. */
const changed = (change: (body: FlatBody) => FlatBody) => async () =>
  change(await signed({ idempotency_key: newKey() })())
const without = (name: string) =>
  changed((body) => Object.fromEntries(Object.entries(body).filter(([key]) => key !== name)))

const REQUEST = [400, 400, 'Invalid request', 'invalid_request'] as const
const SIGNATURE = [400, 400, 'Invalid signature', 'invalid_signature'] as const
const KEY = [400, 400, 'Invalid public key', 'invalid_public_key'] as const
const MESSAGE = [400, 400, 'Invalid message', 'invalid_message'] as const
const MISMATCH = [400, 400, 'Verification failed', 'signature_verification_failed'] as const
const AGENT = [400, 400, 'Agent not authorized for account', 'agent_not_authorized'] as const
const RELATION = [400, 33, 'Invalid transfer relationship', 'invalid_transfer_relationship'] as const
const AMOUNT = [400, 59, 'Invalid amount', 'invalid_amount'] as const
const ASSET = [422, 55, 'Asset not found', 'asset_not_found'] as const
const POOR = [400, 62, 'Insufficient spot balance', 'insufficient_spot_balance'] as const

type Case = [string, readonly [number, number, string, string], () => Promise<unknown>]
const cases: Case[] = [
  ...['account', 'to_account', 'symbol', 'amount', 'timestamp', 'signature'].map((name): Case => [
    `${name} is missing`,
    REQUEST,
    without(name),
  ]),
  ...['account', 'to_account', 'symbol', 'amount', 'timestamp', 'signature'].map((name): Case => [
    `${name} is null`,
    REQUEST,
    changed((body) => ({ ...body, [name]: null })),
  ]),
  ['an unknown field', REQUEST, changed((body) => ({ ...body, note: 'x' }))],
  ['a key that is no UUID', REQUEST, signed({ idempotency_key: 'f47ac10b-58cc-4372-a567-0e02b2c3d47' })],
  ['an empty key', REQUEST, signed({ idempotency_key: '' })],
  ['a body that is a list', REQUEST, async () => []],
  ['a body that is not JSON', REQUEST, async () => '{"account":'],
  ['a signature that is a number', REQUEST, changed((body) => ({ ...body, signature: 7 }))],
  [
    'a signature one character short',
    SIGNATURE,
    changed((body) => ({ ...body, signature: String(body.signature).slice(0, 60) })),
  ],
  [
    'a signature with a 0 in it',
    SIGNATURE,
    changed((body) => ({ ...body, signature: '0' + String(body.signature).slice(1) })),
  ],
  [
    'a signature object of an unknown type',
    SIGNATURE,
    changed((body) => ({ ...body, signature: { type: 'multisig', value: body.signature } })),
  ],
  [
    'a signature object with one member more',
    SIGNATURE,
    changed((body) => ({ ...body, signature: { type: 'raw', value: body.signature, x: 1 } })),
  ],
  [
    'a plain signature said to be hardware',
    MISMATCH,
    changed((body) => ({ ...body, signature: { type: 'hardware', value: body.signature } })),
  ],
  [
    'hex for a Solana account',
    SIGNATURE,
    changed((body) => ({ ...body, signature: '0x' + '11'.repeat(65) })),
  ],
  ['an account that is no address', KEY, changed((body) => ({ ...body, account: 'nobody' }))],
  [
    'an account that is the identity key',
    KEY,
    changed((body) => ({ ...body, account: '4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM' })),
  ],
  [
    'an account that is the system program',
    KEY,
    changed((body) => ({ ...body, account: '11111111111111111111111111111111' })),
  ],
  ['an agent that is no address', KEY, changed((body) => ({ ...body, agent_wallet: 'nobody' }))],
  ['a destination that is no address', KEY, signed({ to_account: 'nobody' })],
  [
    'a destination with a wrong checksum',
    KEY,
    signed({ to_account: '0x00000000219AB540356CBB839CBE05303D7705Fa' }),
  ],
  ['a message that has expired', MESSAGE, signed({}, { timestamp: Date.now() - 60_000 })],
  ['a message from the future', MESSAGE, signed({}, { timestamp: Date.now() + 60_000 })],
  ['a window that is too long', MESSAGE, signed({}, { expiryWindow: 300_001 })],
  ['a timestamp in seconds', MESSAGE, signed({}, { timestamp: Math.floor(Date.now() / 1000) })],
  [
    'a timestamp with a fraction',
    MESSAGE,
    changed((body) => ({ ...body, timestamp: Number(body.timestamp) + 0.5 })),
  ],
  [
    'another timestamp than signed',
    MISMATCH,
    changed((body) => ({ ...body, timestamp: Number(body.timestamp) - 1 })),
  ],
  ['another window than signed', MISMATCH, changed((body) => ({ ...body, expiry_window: 30_001 }))],
  ['another amount than signed', MISMATCH, changed((body) => ({ ...body, amount: '2' }))],
  ['the same amount in another spelling', MISMATCH, changed((body) => ({ ...body, amount: '1.0' }))],
  ['another symbol than signed', MISMATCH, changed((body) => ({ ...body, symbol: 'DF' }))],
  ['another destination than signed', MISMATCH, changed((body) => ({ ...body, to_account: other.address }))],
  ['another key than signed', MISMATCH, changed((body) => ({ ...body, idempotency_key: newKey() }))],
  ['the key left out', MISMATCH, without('idempotency_key')],
  [
    'another account than the signer',
    MISMATCH,
    changed((body) => ({ ...body, account: sub.address, to_account: main.address })),
  ],
  ['an agent who did not sign', MISMATCH, changed((body) => ({ ...body, agent_wallet: agent.address }))],
  [
    'a signed message of another type',
    MISMATCH,
    async () => await main.body('transfer_funds', data(), { timestamp: freshTime() }),
  ],
  [
    'a stranger as agent',
    AGENT,
    async () => await stranger.body(TYPE, data(), { timestamp: freshTime(), account: main.address }),
  ],
  [
    'an agent of another account',
    AGENT,
    async () =>
      await agent.body(
        TYPE,
        { ...data(), to_account: sibling.address },
        { timestamp: freshTime(), account: other.address },
      ),
  ],
  [
    'the main account as agent of its sub',
    AGENT,
    async () =>
      await main.body(
        TYPE,
        { ...data(), to_account: main.address },
        { timestamp: freshTime(), account: sub.address },
      ),
  ],
  ['a stranger as destination', RELATION, async () => await signed({ to_account: stranger.address })()],
  ['an EVM stranger as destination', RELATION, async () => await signed({ to_account: newEvm().address })()],
  ['itself as destination', RELATION, async () => await signed({ to_account: main.address })()],
  [
    'somebody else’s subaccount as destination',
    RELATION,
    async () => await signed({ to_account: sibling.address })(),
  ],
  [
    'a stranger as destination of a bad amount',
    RELATION,
    async () => await signed({ to_account: stranger.address, amount: '-1' })(),
  ],
  ['the agent as destination', RELATION, async () => await signed({ to_account: agent.address })()],
  ...[
    '0',
    '0.000',
    '-1',
    '1e3',
    '+1',
    ' 1',
    '1.',
    '.5',
    '01',
    '',
    'NaN',
    'Infinity',
    '١',
    '1,5',
    '0x1',
    '1'.repeat(21),
    '0.' + '0'.repeat(18) + '1',
    '0.0000000001',
    '9'.repeat(400),
  ].map((amount): Case => [`amount ${JSON.stringify(amount.slice(0, 30))}`, AMOUNT, signed({ amount })]),
  ['a JSON number as amount', AMOUNT, signed({ amount: 1 })],
  ...['sol', 'NOPE', '', 'SÓL', 'S'.repeat(40), "SOL'--"].map((symbol): Case => [
    `symbol ${JSON.stringify(symbol.slice(0, 30))}`,
    ASSET,
    signed({ symbol }),
  ]),
  ['more than there is', POOR, signed({ amount: '10.000000001' })],
  ['a token the account never had', POOR, signed({ symbol: 'USDT' })],
]

describe('one change to a good transfer is refused as the contract says, and nothing is written', () => {
  test.each(cases)('%s', async (_name, [status, code, begins, id], make) => {
    const everybody = [main, sub, other, sibling, agent, stranger]
    const json = await make()
    const before = await trace(...everybody)
    expectRefusal(await client.call(SPOT, { json }), status, code, begins, id)
    expect(await trace(...everybody)).toBe(before)
  })

  test('the good one is good', async () => {
    const answer = await client.call(SPOT, { json: await signed({ idempotency_key: newKey() })() })
    expect(answer.status, answer.text).toBe(200)
  })
})

test('a signature that does not match comes with the text and the key it was checked against', async () => {
  const body = await signed({})()
  const answer = await client.call(SPOT, { json: { ...body, amount: '1.00' } })
  expect(answer.body.data).toEqual({
    canonical_text: `{"data":{"amount":"1.00","symbol":"SOL","to_account":"${sub.address}"},"expiry_window":30000,"timestamp":${String(body.timestamp)},"type":"transfer_spot_asset"}`,
    checked_key: main.address,
  })
})

test('a wrong media type and a body too large answer in the same envelope', async () => {
  const plain = await client.call(SPOT, { json: {}, headers: { 'Content-Type': 'text/plain' } })
  expectRefusal(plain, 415, 415, 'Invalid request', 'unsupported_media_type')
  const large = await client.call(SPOT, { json: { account: 'x'.repeat(20_000) } })
  expectRefusal(large, 413, 413, 'Invalid request', 'payload_too_large')
})
