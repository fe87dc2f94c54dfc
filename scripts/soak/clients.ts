/** Clients as they are: each request has its key, and an unknown outcome is asked again with the same key until answered. */
import { randomUUID } from 'node:crypto'
import type { Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts'
import { issueSession } from '../../functions/_lib/session.ts'
import { vaultAbi } from '../stack/contract-abi.ts'
import { chainClient } from '../stack/deploy.ts'
import { localSecrets } from '../stack/manifest.ts'
import type { Stack } from '../stack/stack.ts'
import { pause, type Books, type Entry, type Kind } from './books.ts'

export interface Load {
  stack: Stack
  books: Books
  random: () => number
  /** Clients begin nothing new once this is true. */
  ending: boolean
  /** Milliseconds of the clock after which a client gives up asking. */
  giveUpAt: number
}
export interface Person {
  wallet: PrivateKeyAccount
  account: string
  token: string
  sub: PrivateKeyAccount | undefined
}

const REQUEST_LIMIT_MS = 8_000

/** The chain's funded users, who can send withdrawals to the vault, and others with a subaccount each. */
export async function newPeople(load: Load, folder: string, others: number): Promise<Person[]> {
  const { jwtSecret } = await localSecrets(folder)
  const now = Math.floor(Date.now() / 1000)
  const keys = [
    ...load.stack.chain.accounts.map(({ privateKey }) => privateKey),
    ...Array.from({ length: others }, generatePrivateKey),
  ]
  const people: Person[] = []
  for (const [index, key] of keys.entries()) {
    const wallet = privateKeyToAccount(key)
    const account = wallet.address.toLowerCase()
    const { token } = await issueSession({ JWT_SECRET: jwtSecret, JWT_TTL_SECONDS: 86_400 }, account, now)
    const sub =
      index < load.stack.chain.accounts.length ? undefined : privateKeyToAccount(generatePrivateKey())
    const person = { wallet, account, token, sub }
    if (sub) await createSubaccount(load, person, sub)
    for (const symbol of ['USDT', 'DF']) await credit(load, person, symbol, '1000')
    people.push(person)
  }
  return people
}

/** One client's life: this and that, for one person after another. */
export async function client(load: Load, people: Person[]): Promise<void> {
  while (!load.ending) {
    const person = people[Math.floor(load.random() * people.length)]!
    const dice = load.random()
    if (dice < 0.5) await transfer(load, person)
    else if (dice < 0.65) await credit(load, person, load.random() < 0.5 ? 'USDT' : 'DF', '3')
    else if (dice < 0.8 && person.sub) await subaccountTransfer(load, person, person.sub)
    else await withdraw(load, person)
  }
}

async function transfer(load: Load, person: Person): Promise<void> {
  const direction = load.random() < 0.55 ? 'spot_to_perp' : 'perp_to_spot'
  const amount = load.random() < 0.05 ? '1000000' : String(1 + Math.floor(load.random() * 3))
  const entry = open(load, 'transfer', person.account, person.account, 'USDT', amount)
  const answer = await settled(load, entry, '/spot/transfer', () => ({
    headers: { Authorization: `Bearer ${person.token}`, 'Idempotency-Key': entry.key },
    body: { token: 'USDT', direction, amount },
  }))
  if (answer) entry.id = String(answer.transfer_id)
}

export async function credit(load: Load, person: Person, token: string, amount: string): Promise<void> {
  const entry = open(load, 'credit', 'admin', person.account, token, amount)
  await settled(load, entry, '/admin/spot/balances/credit', () => ({
    headers: { 'X-API-Key': load.stack.manifest.adminApiKey, 'Idempotency-Key': entry.key },
    body: { user_address: person.account, token, amount },
  }))
}

async function withdraw(load: Load, person: Person): Promise<void> {
  const entry = open(
    load,
    'withdraw',
    person.account,
    person.account,
    'DF',
    String(1 + Math.floor(load.random() * 2)),
  )
  const answer = await settled(load, entry, '/spot/withdraw/request', () => ({
    headers: { Authorization: `Bearer ${person.token}`, 'Idempotency-Key': entry.key },
    body: { token: 'DF', amount: entry.amount },
  }))
  if (!answer) return
  entry.id = String(answer.id)
  // Only the chain's own users have ether; some never send, so that there is something to expire.
  if (!person.sub && load.random() < 0.8) await sendToVault(load, person, answer)
}

async function sendToVault(load: Load, person: Person, signed: Record<string, unknown>): Promise<void> {
  const { chain } = load.stack
  try {
    const client = chainClient(chain.rpcUrl, chain.chainId)
    const hash = await client.writeContract({
      account: person.wallet,
      address: chain.vault,
      abi: vaultAbi,
      functionName: 'withdraw',
      args: [
        chain.tokens.DF.address,
        BigInt(String(signed.amount_in_wei)),
        BigInt(Number(signed.deadline)),
        signed.signature as Hex,
      ],
    })
    const { status } = await client.waitForTransactionReceipt({ hash, timeout: 10_000 })
    if (status === 'success') load.books.paid.set(String(signed.id), hash)
  } catch {
    // Not its turn in the vault's order, or two sent at once: the signature stays, and may be sent by nobody.
  }
}

async function subaccountTransfer(load: Load, { wallet }: Person, sub: PrivateKeyAccount): Promise<void> {
  const [from, to] = load.random() < 0.6 ? [wallet, sub] : [sub, wallet]
  const entry = open(load, 'subaccount', from.address.toLowerCase(), from.address.toLowerCase(), 'USDT', '1')
  const data = { amount: '1', idempotency_key: entry.key, symbol: 'USDT', to_account: to.address }
  const answer = await settled(load, entry, '/account/subaccount/spot_asset/transfer', async () => ({
    headers: {},
    body: { account: from.address, ...data, ...(await signed(from, 'transfer_spot_asset', data)) },
  }))
  if (answer) entry.id = String((answer.data as { transfer_id: string }).transfer_id)
}

async function createSubaccount(load: Load, { wallet }: Person, sub: PrivateKeyAccount): Promise<void> {
  const timestamp = Date.now()
  const bySub = await signed(sub, 'subaccount_initiate', { account: wallet.address }, timestamp)
  const byMain = await signed(wallet, 'subaccount_confirm', { signature: bySub.signature }, timestamp)
  const { status, text } = await post(
    load,
    '/account/subaccount/create',
    {},
    {
      main_account: wallet.address,
      subaccount: sub.address,
      main_signature: byMain.signature,
      sub_signature: bySub.signature,
      timestamp,
      expiry_window: byMain.expiry_window,
    },
  )
  if (status !== 200) throw new Error(`no subaccount was made: ${text}`)
}

/** `data`'s members must be in sorted order. */
async function signed(by: PrivateKeyAccount, type: string, data: object, timestamp = Date.now()) {
  const message = JSON.stringify({ data, expiry_window: 60_000, timestamp, type })
  return { signature: await by.signMessage({ message }), timestamp, expiry_window: 60_000 }
}

function open(
  { books }: Load,
  kind: Kind,
  scope: string,
  account: string,
  token: string,
  amount: string,
): Entry {
  const entry: Entry = {
    kind,
    scope,
    account,
    token,
    amount,
    key: randomUUID(),
    outcome: 'unknown',
    attempts: 0,
    answers: [],
  }
  books.entries.push(entry)
  return entry
}

type Request = { headers: Record<string, string>; body: object }

/** Asks until told. A client that hears of success now and then asks once more, as one that lost its own memory would. */
async function settled(
  load: Load,
  entry: Entry,
  path: string,
  request: () => Request | Promise<Request>,
): Promise<Record<string, unknown> | undefined> {
  while (Date.now() < load.giveUpAt) {
    entry.attempts += 1
    if (entry.attempts > 1) load.books.retries += 1
    const { headers, body } = await request()
    const { status, text } = await post(load, path, headers, body)
    const told =
      status === 200 || (entry.kind === 'subaccount' && status === 409 && text.includes('transfer_id'))
    if (told) {
      const answer = JSON.parse(text) as Record<string, unknown>
      entry.outcome = 'acknowledged'
      entry.answers.push(entry.kind === 'subaccount' ? idOf(answer) : text)
      if (entry.answers.length === 2 || load.random() > 0.05) return answer
    } else if (isRefusal(status, text, entry.attempts)) {
      entry.outcome = 'refused'
      entry.error = text
      return undefined
    } else await pause((status === 409 ? 500 : 50) + load.random() * 200)
  }
  return undefined
}

/** Another withdrawal in progress is final for a first attempt only: later it may be this very one. */
const isRefusal = (status: number, text: string, attempts: number): boolean =>
  status === 409
    ? attempts === 1 && text.includes('WITHDRAWAL_IN_PROGRESS')
    : status >= 400 && status < 500 && status !== 429

const idOf = (answer: Record<string, unknown>): string => (answer.data as { transfer_id: string }).transfer_id

/** Status 0 is no answer at all. */
async function post(
  load: Load,
  path: string,
  headers: Record<string, string>,
  body: object,
): Promise<{ status: number; text: string }> {
  const { books, stack } = load
  books.requests += 1
  let answer = { status: 0, text: '' }
  try {
    const response = await fetch(stack.manifest.baseUrl + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
    })
    answer = { status: response.status, text: await response.text() }
  } catch {
    // Cut, refused or too late: the outcome is unknown.
  }
  books.statuses[answer.status] = (books.statuses[answer.status] ?? 0) + 1
  return answer
}
