/** Sums of chain and ledger, by account and token, and the coins themselves: those cannot be argued with. */
import type pg from 'pg'
import type { Address } from 'viem'
import { tokenAbi, vaultAbi } from '../../scripts/stack/contract-abi.ts'
import { chainClient } from '../../scripts/stack/deploy.ts'
import type { Stack } from '../../scripts/stack/stack.ts'
import type { Books } from './books.ts'
import { OWN_UNITS } from './vault.ts'

/** One payment or deposit; `text` is everything that ledger and chain must agree on. */
export interface Item {
  text: string
  account: string
  contract: string
  wei: bigint
}
type Sums = Map<string, bigint>
interface Compared {
  violations: string[]
  sums: number
}

/** @param deposits of tokens that the ledger knows */
export async function judgeSums(
  client: pg.Client,
  stack: Stack,
  books: Books,
  payments: Item[],
  deposits: Item[],
): Promise<Compared> {
  const [paid, deposited] = [sumsOf(payments), sumsOf(deposits)]
  const node = await holdings(stack, new Set([...payments, ...deposits].map(({ account }) => account)))
  const own: Sums = new Map()
  for (const name of node.own.keys()) own.set(name, OWN_UNITS + get(paid, name) - get(deposited, name))
  const vault: Sums = new Map()
  const left: Sums = new Map()
  for (const [contract, reserve] of books.reserve) {
    const total = (items: Item[]) =>
      items.filter((item) => item.contract === contract).reduce((sum, { wei }) => sum + wei, 0n)
    vault.set(contract, reserve + total(deposits) - total(payments))
    left.set(contract, total(payments) - total(deposits))
  }
  const parts = [
    compare(
      'paid on chain',
      paid,
      'confirmed',
      await ledgerSums(client, MOVED('from_account'), 'withdraw_confirm'),
    ),
    compare(
      'deposited on chain',
      deposited,
      'credited',
      await ledgerSums(client, MOVED('to_account'), 'deposit'),
    ),
    compare('to be held by its owner', own, 'held on chain', node.own),
    compare('to be held by the vault', vault, 'held on chain', node.vault),
    compare(
      'out of the ledger by chain',
      left,
      'by its vault account',
      await ledgerSums(client, VAULT_ACCOUNT),
    ),
  ]
  return {
    violations: parts.flatMap(({ violations }) => violations),
    sums: parts.reduce((sum, part) => sum + part.sums, 0),
  }
}

const get = (sums: Sums, name: string): bigint => sums.get(name) ?? 0n

function sumsOf(items: Item[]): Sums {
  const sums: Sums = new Map()
  for (const { account, contract, wei } of items) {
    const name = `${account} ${contract}`
    sums.set(name, get(sums, name) + wei)
  }
  return sums
}

function compare(name: string, sums: Sums, otherName: string, others: Sums): Compared {
  const names = new Set([...sums.keys(), ...others.keys()])
  const violations = [...names].flatMap((one) =>
    get(sums, one) === get(others, one)
      ? []
      : [`${one}: ${get(sums, one)} ${name}, ${get(others, one)} ${otherName}`],
  )
  return { violations, sums: names.size }
}

const MOVED = (side: 'from_account' | 'to_account') =>
  `select m.${side} || ' ' || t.contract as name, trim_scale(sum(m.amount) * ('1e' || t.decimals)::numeric)::text as wei
   from transfers m join tokens t on t.symbol = m.token where m.kind = $1 group by m.${side}, t.contract, t.decimals`
const VAULT_ACCOUNT = `select t.contract as name,
     trim_scale(sum(e.available_delta + e.frozen_delta) * ('1e' || t.decimals)::numeric)::text as wei
   from entries e join tokens t on t.symbol = e.token where e.account = 'vault' group by t.contract, t.decimals`

/** In the token's smallest unit. */
async function ledgerSums(client: pg.Client, query: string, ...params: string[]): Promise<Sums> {
  const { rows } = await client.query(query, params)
  return new Map((rows as { name: string; wei: string }[]).map(({ name, wei }) => [name, BigInt(wei)]))
}

async function holdings({ chain }: Stack, accounts: Set<string>): Promise<{ own: Sums; vault: Sums }> {
  const node = chainClient(chain.rpcUrl, chain.chainId)
  const own: Sums = new Map()
  const vault: Sums = new Map()
  for (const { address } of Object.values(chain.tokens)) {
    const token = { address, abi: tokenAbi, functionName: 'balanceOf' } as const
    for (const account of accounts)
      own.set(
        `${account} ${address.toLowerCase()}`,
        await node.readContract({ ...token, args: [account as Address] }),
      )
    const held = { address: chain.vault, abi: vaultAbi, functionName: 'vaultTokenBalance' } as const
    vault.set(address.toLowerCase(), await node.readContract({ ...held, args: [address] }))
  }
  return { own, vault }
}
