/** Clients as they are: this and that, for one person after another. What they will do is drawn before they begin it. */
import type { Hex } from 'viem'
import { backwards, chooseFate, meetFate, type Choice } from './fates.ts'
import { credit, type Person } from './people.ts'
import { below, oneOf, uuidFrom, weighted, type Random } from './random.ts'
import { open, settled, signed, type Asking } from './requests.ts'
import { NATIVE, type Coin, type Signed, type Vault } from './vault.ts'

export interface Load extends Asking {
  vault: Vault
  people: Person[]
  /** This client's choices: the same for the same seed, however long its answers take. */
  choices: Random
  /** Clients begin nothing new once this is true. */
  ending: () => boolean
  /** What goes on beside the clients: signatures on their way to the vault, deposits. */
  errands: Set<Promise<void>>
}
type Act = (load: Load, person: Person) => () => Promise<void>

const BACKWARDS_MAX = 3
const WEIGHTS = { transfer: 30, credit: 10, subaccount: 12, deposit: 10, withdraw: 34, backwards: 4 }
const ACTS: Record<keyof typeof WEIGHTS, Act> = {
  transfer,
  credit: (load, person) => {
    const order = { token: oneOf(load.choices, ['USDT', 'DF']), amount: '3', key: uuidFrom(load.choices) }
    return async () => await credit(load, person, order)
  },
  subaccount,
  deposit,
  withdraw: (load, person) => withdrawals(load, person, 1, chooseFate(load.choices)),
  backwards: (load, person) => withdrawals(load, person, 2 + below(load.choices, BACKWARDS_MAX - 1)),
}

export async function client(load: Load): Promise<void> {
  while (!load.ending()) {
    const person = oneOf(load.choices, load.people)
    await ACTS[weighted(load.choices, WEIGHTS)](load, person)()
  }
}

function transfer(load: Load, person: Person): () => Promise<void> {
  const { choices } = load
  const direction = choices() < 0.55 ? 'spot_to_perp' : 'perp_to_spot'
  const amount = choices() < 0.05 ? '1000000' : String(1 + below(choices, 3))
  const key = uuidFrom(choices)
  return async () => {
    const entry = open(load, 'transfer', { account: person.account, token: 'USDT', amount, key })
    const answer = await settled(load, entry, '/spot/transfer', () => ({
      headers: { Authorization: `Bearer ${person.token}`, 'Idempotency-Key': key },
      body: { token: 'USDT', direction, amount },
    }))
    if (answer) entry.id = String(answer.transfer_id)
  }
}

function subaccount(load: Load, { wallet, sub }: Person): () => Promise<void> {
  const [from, to] = load.choices() < 0.6 ? [wallet, sub] : [sub, wallet]
  const key = uuidFrom(load.choices)
  const data = { amount: '1', idempotency_key: key, symbol: 'USDT', to_account: to.address }
  return async () => {
    const account = from.address.toLowerCase()
    const entry = open(load, 'subaccount', { account, token: 'USDT', amount: '1', key })
    const answer = await settled(load, entry, '/account/subaccount/spot_asset/transfer', async () => ({
      headers: {},
      body: { account: from.address, ...data, ...(await signed(from, 'transfer_spot_asset', data)) },
    }))
    if (answer) entry.id = String((answer.data as { transfer_id: string }).transfer_id)
  }
}

/** One withdrawal with its fate, or several of one account to be sent backwards. */
function withdrawals(load: Load, person: Person, many: number, choice?: Choice): () => Promise<void> {
  const orders = Array.from({ length: many }, () => ({
    // Down to the token's last decimal, which no float would carry.
    amount:
      `${1 + below(load.choices, 2)}.${String(1 + below(load.choices, 999_999)).padStart(18, '0')}`.replace(
        /0+$/,
        '',
      ),
    key: uuidFrom(load.choices),
  }))
  return async () => {
    const rows: Signed[] = []
    for (const order of orders) {
      const row = await withdraw(load, person, order)
      if (row) rows.push(row)
    }
    if (rows.length === 0) return
    const holder = { vault: load.vault, books: load.books, wallet: person.wallet }
    run(load, choice ? meetFate(holder, rows[0]!, choice) : backwards(holder, rows))
  }
}

async function withdraw(
  load: Load,
  person: Person,
  { amount, key }: { amount: string; key: string },
): Promise<Signed | undefined> {
  const entry = open(load, 'withdraw', { account: person.account, token: 'DF', amount, key })
  const answer = await settled(load, entry, '/spot/withdraw/request', () => ({
    headers: { Authorization: `Bearer ${person.token}`, 'Idempotency-Key': key },
    body: { token: 'DF', amount },
  }))
  if (!answer) return undefined
  entry.id = String(answer.id)
  return {
    id: entry.id,
    nonce: Number(answer.nonce),
    deadline: Number(answer.deadline),
    amountInWei: BigInt(String(answer.amount_in_wei)),
    signature: answer.signature as Hex,
  }
}

/** Now and then two at once, for one block; now and then a coin that the ledger does not know. */
function deposit(load: Load, { wallet }: Person): () => Promise<void> {
  const { choices, vault } = load
  const { DF, USDT } = load.stack.chain.tokens
  const contracts = { [DF.address]: 10, [USDT.address]: 10, [NATIVE]: 1 }
  const coins = Array.from({ length: choices() < 0.2 ? 2 : 1 }, () => ({
    contract: weighted(choices, contracts) as Coin['contract'],
    amount: 1n + BigInt(below(choices, 2 ** 21)),
  }))
  return async () => {
    for (const coin of coins) run(load, vault.deposit(wallet, coin))
  }
}

/** Goes on beside the client; what breaks it is a violation. */
function run({ errands, books }: Load, work: Promise<unknown>): void {
  const errand = work.then(
    () => {},
    (error: unknown) => void books.violations.push(`on the chain: ${String(error)}`),
  )
  errands.add(errand)
  void errand.finally(() => errands.delete(errand))
}
