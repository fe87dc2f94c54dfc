/**
 * A chain with its vault, as far as the ledger can see it: blocks with times and logs, a counter an account, and the rule by
 * which the vault pays a signature. It knows nothing of the ledger's rows: what has been signed may be paid at any moment
 * until its deadline, whatever the ledger thinks of it by then.
 */
import { createHash } from 'node:crypto'
import { pad, toHex, type Address, type Hex } from 'viem'
import type { BlockMark, RawLog } from '../../db/ledger/record-logs.ts'
import type { Forgery } from './ledger-chain-draw.ts'
import { hex } from './ledger-steps.ts'

const TOPICS = {
  withdrawal: '0x175353e3ca145fd7765bcddc19e6045e15845e35122dc401873f8f375cb438a1',
  deposit: '0x2a567932661c755b8fdbf4932cdfa2600eca2314a0093c83b57e78b3362f9c6d',
  vault_paused: '0x62e78cea01bee320cd4e420270b5ea74000d11b0c9f74754ebdbfc544b05a258',
} as const

/** What a signature that has left allows. */
export interface Permit {
  id: string
  account: string
  contract: string
  wei: bigint
  nonce: number
  deadline: number
}
/** An event as the vault means it, beside the log a node gives of it. */
export interface ChainEvent {
  name: keyof typeof TOPICS
  account: string
  contract: string
  wei: bigint
  nonce: number
  malformed?: boolean
}
export interface ChainLog extends ChainEvent {
  /** Hash of what it says: address, topics, data. */
  content: string
  raw: RawLog
}
export interface SimulatedBlock extends BlockMark {
  logs: ChainLog[]
  counters: ReadonlyMap<string, number>
}

const word = (value: bigint) => toHex(value, { size: 32 }).slice(2)
const indexed = (address: string) => pad(address as Address)
const dataOf = ({ name, wei, nonce, malformed }: ChainEvent): Hex =>
  malformed ? '0x00' : `0x${word(wei)}${name === 'withdrawal' ? word(BigInt(nonce)) : ''}`

export class SimulatedChain {
  readonly blocks: SimulatedBlock[] = []
  readonly permits: Permit[] = []
  /** Withdrawals the vault has paid, by id. */
  readonly paid = new Map<string, ChainLog>()
  readonly #counters: Map<string, number>

  constructor(
    readonly run: string,
    readonly vault: string,
    time: number,
    counters: ReadonlyMap<string, number>,
  ) {
    this.#counters = new Map(counters)
    this.mine(time, [])
  }

  get head(): SimulatedBlock {
    return this.blocks.at(-1)!
  }

  counterOf(account: string, block: SimulatedBlock = this.head): number {
    return block.counters.get(account) ?? 0
  }

  logs(from: number, to: number): ChainLog[] {
    return this.blocks.slice(Math.max(from, 0), to + 1).flatMap((block) => block.logs)
  }

  /** A block of this time, never before its parent's, whose transaction wrote these events. */
  mine(time: number, events: readonly ChainEvent[]): void {
    const number = this.blocks.length
    const timestamp = Math.max(time, this.blocks.at(-1)?.timestamp ?? 0)
    const hash = `0x${hex(`${this.run} block ${number}`)}`
    const txHash = `0x${hex(`${this.run} transaction ${number}`)}`
    // Other transactions wrote logs in this block before.
    const offset = number % 3
    const logs = events.map((event, at) => {
      const topics =
        event.name === 'vault_paused'
          ? [TOPICS.vault_paused]
          : [TOPICS[event.name], indexed(event.account), indexed(event.contract)]
      const data = dataOf(event)
      const said = [this.vault, topics.join(','), data].join('\n')
      return {
        ...event,
        content: createHash('sha256').update(said).digest('hex'),
        raw: {
          ...{ tx_hash: txHash, log_index: offset + at, block_number: number, block_hash: hash },
          ...{ block_timestamp: timestamp, topics, data },
        },
      }
    })
    this.blocks.push({ number, hash, timestamp, logs, counters: new Map(this.#counters) })
  }

  /** The owner of one of these signatures uses it now; the vault takes it in its turn and not after its deadline. */
  pay(pick: number): ChainLog | undefined {
    const { timestamp } = this.head
    const good = this.permits.filter(
      (permit) => permit.nonce === this.counterOf(permit.account) && timestamp <= permit.deadline,
    )
    const permit = good.at(-1 - (pick % Math.max(good.length, 1)))
    if (!permit) return undefined
    this.#counters.set(permit.account, permit.nonce + 1)
    this.mine(timestamp, [{ ...permit, name: 'withdrawal' }])
    this.paid.set(permit.id, this.head.logs[0]!)
    return this.head.logs[0]
  }
}

/** How a node tells logs without telling anything else. */
export type Form = 'renumbered' | 'repeated' | 'reversed'

/** The same events as another node tells them. */
export function retold(logs: readonly ChainLog[], forms: readonly Form[]): ChainLog[] {
  let told = [...logs]
  // Within the transaction, of which a block here has one.
  if (forms.includes('renumbered'))
    told = told.map((log) => ({
      ...log,
      raw: { ...log.raw, log_index: log.raw.log_index - (log.raw.block_number % 3) },
    }))
  if (forms.includes('repeated')) told = [...told, ...told]
  return forms.includes('reversed') ? told.reverse() : told
}

/** Of those that say the same in one transaction only the last is there. */
export const withoutTwins = (logs: readonly ChainLog[]): ChainLog[] =>
  logs.filter(
    (log, at) =>
      !logs.some(
        (other, later) =>
          later > at && other.raw.tx_hash === log.raw.tx_hash && other.content === log.content,
      ),
  )

/** One transaction is told in another block than the one that it is in. */
export function moved(logs: readonly ChainLog[]): ChainLog[] {
  const one = logs[0]?.raw.tx_hash
  const block_hash = `0x${'ee'.repeat(32)}`
  return logs.map((log) => (log.raw.tx_hash === one ? { ...log, raw: { ...log.raw, block_hash } } : log))
}

/** An event that no vault keeping its rules writes, most often about a withdrawal the ledger knows. */
export function forged(
  form: Forgery,
  about: { account: string; token: string; amount: bigint; nonce: number } | undefined,
  stranger: string,
  tokens: readonly { symbol: string; contract: string; decimals: number }[],
): ChainEvent {
  const token = tokens.find(({ symbol }) => symbol === about?.token) ?? tokens[0]!
  const same: ChainEvent = {
    name: 'withdrawal',
    account: about?.account ?? stranger,
    contract: token.contract,
    wei: (about?.amount ?? 1n) / 10n ** BigInt(18 - token.decimals),
    nonce: about?.nonce ?? 0,
  }
  switch (form) {
    case 'more':
      return { ...same, wei: same.wei + 1n }
    case 'other token':
      return { ...same, contract: tokens.find(({ symbol }) => symbol !== token.symbol)!.contract }
    case 'later nonce':
      return { ...same, nonce: same.nonce + 5 }
    case 'malformed':
      return { ...same, malformed: true }
    case 'no deposit':
      return { ...same, name: 'deposit', wei: 0n }
    case 'vast deposit':
      return { ...same, name: 'deposit', wei: 2n ** 255n }
    case 'same':
      return same
  }
}
