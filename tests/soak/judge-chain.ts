/** Holds the ledger against the chain, event by event, by what they say; the sums follow. */
import type pg from 'pg'
import { parseAbi } from 'viem'
import { chainClient } from '../../scripts/stack/deploy.ts'
import type { Stack } from '../../scripts/stack/stack.ts'
import type { Books } from './books.ts'
import { judgeSums, type Item } from './judge-sums.ts'

export interface ChainTotals {
  payments: number
  /** Credited; with those of coins that the ledger does not know, these are all that were made. */
  deposits: number
  unsupported: number
  /** Sums of an account or of the vault that were compared. */
  sums: number
}
const EVENTS = parseAbi([
  'event SpotWithdrawal(address indexed account, address indexed token, uint256 amount, uint256 nonce)',
  'event SpotDeposit(address indexed account, address indexed token, uint256 amount)',
])

export async function judgeChain(
  client: pg.Client,
  stack: Stack,
  books: Books,
): Promise<{ violations: string[]; totals: ChainTotals }> {
  const events = await eventsOf(stack)
  const contracts = Object.values(stack.chain.tokens).map(({ address }) => address.toLowerCase())
  const known = events.deposits.filter(({ contract }) => contracts.includes(contract))
  const compared = await judgeSums(client, stack, books, events.payments, known)
  const violations = [
    ...unlike('paid by the vault', events.payments, 'confirmed', await confirmedOf(client)),
    ...unlike('deposited', events.deposits, 'in the ledger as deposit', await depositsOf(client)),
    ...paidTwice(events.payments),
    ...compared.violations,
  ]
  if (books.paid.size !== events.payments.length)
    violations.push(`clients know of ${books.paid.size} payments, the chain of ${events.payments.length}`)
  const takenTransactions = new Set(events.deposits.map(({ text }) => text.split(' ')[0]))
  for (const hash of books.deposited)
    if (!takenTransactions.has(hash)) violations.push(`the deposit in ${hash} left no event`)
  if (books.deposited.size !== events.deposits.length)
    violations.push(`clients made ${books.deposited.size} deposits, the chain has ${events.deposits.length}`)
  const totals = {
    payments: events.payments.length,
    deposits: known.length,
    unsupported: events.deposits.length - known.length,
    sums: compared.sums,
  }
  return { violations, totals }
}

async function eventsOf(stack: Stack): Promise<{ payments: Item[]; deposits: Item[] }> {
  const node = chainClient(stack.chain.rpcUrl, stack.chain.chainId)
  const logs = await node.getLogs({ address: stack.chain.vault, events: EVENTS, fromBlock: 0n, strict: true })
  const items = logs.map((log) => {
    const account = log.args.account.toLowerCase()
    const contract = log.args.token.toLowerCase()
    const nonce = log.eventName === 'SpotWithdrawal' ? ` nonce ${log.args.nonce}` : ''
    const place = `${log.transactionHash} block ${log.blockNumber}`
    const wei = log.args.amount
    return {
      name: log.eventName,
      text: `${place} ${account} ${contract} ${wei}${nonce}`,
      account,
      contract,
      wei,
    }
  })
  return {
    payments: items.filter(({ name }) => name === 'SpotWithdrawal'),
    deposits: items.filter(({ name }) => name === 'SpotDeposit'),
  }
}

interface Row {
  text: string
  account: string
  contract: string
  wei: string
}

async function itemsOf(client: pg.Client, query: string): Promise<Item[]> {
  const { rows } = await client.query(query)
  return (rows as Row[]).map((row) => ({ ...row, wei: BigInt(row.wei) }))
}

const confirmedOf = async (client: pg.Client): Promise<Item[]> =>
  await itemsOf(
    client,
    `select tx_hash || ' block ' || block_number || ' ' || account || ' ' || contract || ' '
       || amount_in_wei || ' nonce ' || nonce as text, account, contract, amount_in_wei::text as wei
     from withdrawals where status = 'confirmed'`,
  )

/** Credited where the token is known, else recorded alone: another status makes it another text. */
const depositsOf = async (client: pg.Client): Promise<Item[]> =>
  await itemsOf(
    client,
    `select d.tx_hash || ' block ' || d.block_number || ' ' || d.account || ' ' || d.contract || ' '
       || d.amount_in_wei || case when d.status = case when t.symbol is null then 'unsupported' else 'credited' end
         then '' else ' ' || d.status end as text, d.account, d.contract, d.amount_in_wei::text as wei
     from deposits d left join tokens t on t.contract = d.contract and t.chain_id = d.chain_id`,
  )

/** The same list, both ways, each item as often. */
function unlike(name: string, items: Item[], otherName: string, others: Item[]): string[] {
  return [
    ...without(items, others).map((text) => `${name} and not ${otherName}: ${text}`),
    ...without(others, items).map((text) => `${otherName} and not ${name}: ${text}`),
  ]
}

/** What `items` has more often than `others`. */
function without(items: Item[], others: Item[]): string[] {
  const left = new Map<string, number>()
  for (const { text } of others) left.set(text, (left.get(text) ?? 0) + 1)
  return items.flatMap(({ text }) => {
    const times = left.get(text) ?? 0
    left.set(text, times - 1)
    return times > 0 ? [] : [text]
  })
}

/** A nonce that the vault paid for twice. */
function paidTwice(payments: Item[]): string[] {
  const seen = new Set<string>()
  return payments.flatMap(({ account, text }) => {
    const slot = `${account} nonce ${text.split(' nonce ')[1]}`
    if (seen.has(slot)) return [`the vault paid twice for ${slot}`]
    seen.add(slot)
    return []
  })
}
