/** Every request example of the document succeeds on a fresh local stack, in the order in which a newcomer would send them. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { OpenApiDocument } from '../scripts/openapi/document.ts'
import type { Operation } from '../scripts/openapi/operation.ts'
import { readProjectFile } from '../scripts/openapi/generated.ts'
import type { Client } from './support/client.ts'
import { ownStack } from './support/own-stack.ts'
import { freshTime } from './support/subaccounts.ts'
import { solanaWallet } from './support/wallets.ts'

const document = JSON.parse(readProjectFile('functions/openapi.json')) as OpenApiDocument
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    method: method.toUpperCase(),
    path,
    operation,
  })),
)
/** Whose keys the examples of the wallet-signed family are. */
const [main, sub] = [solanaWallet(1), solanaWallet(2)]

let client: Client
let stop: () => Promise<void>
let account: string
let token: string
beforeAll(async () => ({ client, stop } = await ownStack()))
afterAll(async () => await stop?.())

type Body = Record<string, unknown>
/** The example with what cannot be written down beforehand: when it was signed, and the signature. */
const signedBy =
  (type: string, ...fields: string[]) =>
  async (example: Body): Promise<Body> => {
    const data = Object.fromEntries(fields.map((name) => [name, example[name]]))
    const times = { timestamp: freshTime(), expiryWindow: example.expiry_window as number }
    return { ...example, timestamp: times.timestamp, signature: await main.sign(type, data, times) }
  }
async function createdBy(example: Body): Promise<Body> {
  const times = { timestamp: freshTime(), expiryWindow: example.expiry_window as number }
  const offer = await sub.sign('subaccount_initiate', { account: example.main_account }, times)
  const confirmation = await main.sign('subaccount_confirm', { signature: offer }, times)
  return { ...example, timestamp: times.timestamp, sub_signature: offer, main_signature: confirmation }
}
async function loggedIn(example: Body): Promise<Body> {
  const wallet = client.manifest.accounts.find(({ address }) => address.toLowerCase() === example.address)
  const nonce = await client.call(`/auth/nonce/${example.address as string}`)
  const typed = nonce.body.typed_data
  const signature = await privateKeyToAccount(wallet!.privateKey as Hex).signTypedData(typed)
  return { ...example, timestamp: typed.message.timestamp, signature }
}

/** Each operation that takes a body, in order, with what is signed in it. */
const STORY: [string, ((example: Body) => Promise<Body>)?][] = [
  ['POST /api/v1/auth/login', loggedIn],
  ['POST /api/v1/api-keys'],
  ['POST /api/v1/admin/spot/balances/credit'],
  ['POST /api/v1/spot/transfer'],
  ['POST /api/v1/spot/withdraw/request'],
  ['POST /api/v1/account/subaccount/create', createdBy],
  ['POST /api/v1/account/subaccount/list', signedBy('list_subaccounts')],
  [
    'POST /api/v1/account/subaccount/spot_asset/transfer',
    signedBy('transfer_spot_asset', 'to_account', 'symbol', 'amount', 'idempotency_key'),
  ],
  ['POST /api/v1/account/subaccount/transfer', signedBy('transfer_funds', 'to_account', 'amount')],
  ['POST /api/v1/agent/bind', signedBy('bind_agent_wallet', 'agent_wallet')],
  ['POST /api/v1/agent/list', signedBy('list_agent_wallets')],
  ['POST /api/v1/agent/revoke', signedBy('revoke_agent_wallet', 'agent_wallet')],
  ['POST /api/v1/agent/revoke_all', signedBy('revoke_all_agent_wallets')],
]
const credentials = ({ security }: Operation) =>
  security.some((one) => 'adminKey' in one)
    ? { apiKey: client.manifest.adminApiKey }
    : security.length > 0
      ? { token }
      : {}
const made: Record<string, { id: string }> = {}

/** What ends the session that the others use. */
const LAST: typeof STORY = [['POST /api/v1/auth/logout']]

test('the story has every operation that takes a body', () => {
  const takers = operations.filter(({ operation }) => operation.requestBody).map(({ name }) => name)
  expect([...STORY, ...LAST].map(([name]) => name).sort()).toEqual(takers.sort())
})

const sends = async (name: string, sign?: (example: Body) => Promise<Body>): Promise<void> => {
  const { path, operation } = operations.find((one) => one.name === name)!
  const example = operation.requestBody!.content['application/json']!.example as Body
  const json = sign ? await sign(example) : example
  const answer = await client.call(path, { ...credentials(operation), json })
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)])
  made[name] = answer.body as { id: string }
  if (name.endsWith('/auth/login')) {
    token = answer.body.token
    account = json.address as string
    // What the later ones move: a newcomer has the faucet for it.
    for (const symbol of ['USDT', 'DF']) await client.credit(account, symbol, '100')
    for (const symbol of ['USDT', 'SOL']) await client.credit(main.address, symbol, '100')
    const ofMain = await client.sessionFor(main.address)
    await client.transfer(ofMain, { token: 'USDT', direction: 'spot_to_perp', amount: '50' })
  }
}
test.each(STORY)('%s', sends)

const reads = operations.filter(({ method, path }) => method !== 'POST' && path !== '/ws')
test.each(reads.map((one) => [one.name, one] as const))('%s', async (name, { method, path, operation }) => {
  const ids: Record<string, string | undefined> = {
    'GET /api/v1/spot/withdrawals/{id}': made['POST /api/v1/spot/withdraw/request']?.id,
    'DELETE /api/v1/api-keys/{id}': made['POST /api/v1/api-keys']?.id,
  }
  const parameters = operation.parameters ?? []
  const example = (one: (typeof parameters)[number]) => String(ids[name] ?? one.schema.examples?.[0])
  const filled = parameters
    .filter((one) => one.in === 'path')
    .reduce((text, one) => text.replace(`{${one.name}}`, example(one)), path)
  const query = parameters
    .filter((one) => one.in === 'query')
    .map((one) => `${one.name}=${encodeURIComponent(example(one))}`)
  const answer = await client.call(query.length > 0 ? `${filled}?${query.join('&')}` : filled, {
    method,
    ...credentials(operation),
  })
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)])
})

test.each(LAST)('%s', sends)
