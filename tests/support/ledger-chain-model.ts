/** The model's half of settle: what stored logs become, what may be given back, and what stops signing. */
import type { BlockMark } from '../../db/ledger/record-logs.ts'
import type { ChainLog } from './ledger-chain.ts'
import { done, LedgerModel, LIVE, TOTAL_MAX, type ModelToken, type ModelWithdrawal } from './ledger-model.ts'
import type { Units } from './ledger-units.ts'

export interface StoredLog {
  /** As it was told first, or in the block to which it moved. */
  log: ChainLog
  /** How many of the transaction say the same and are counted before it. */
  ordinal: number
  status: 'pending' | 'processed' | 'quarantined' | 'resolved'
  reason: string | null
}
/** What became of a log: settled, perhaps with a balance to tell; or to be quarantined for a reason. */
interface Settled {
  reason?: string
  pushed?: boolean
  deposited?: boolean
}
/** The events of one answer by their names: each log once, and those that say the same counted. */
function named(logs: readonly ChainLog[]): Map<string, { log: ChainLog; ordinal: number }> {
  const told = new Map(logs.map((log) => [JSON.stringify([log.raw, log.content]), log]))
  const counts = new Map<string, number>()
  const events = [...told.values()].sort((a, b) => a.raw.log_index - b.raw.log_index)
  return new Map(
    events.map((log) => {
      const says = `${log.raw.tx_hash} ${log.content}`
      const ordinal = counts.get(says) ?? 0
      counts.set(says, ordinal + 1)
      return [`${says}-${ordinal}`, { log, ordinal }]
    }),
  )
}
/** What these events leave in the vault, by contract. */
export function coinsOf(logs: readonly ChainLog[]): Map<string, bigint> {
  const sums = new Map<string, bigint>()
  for (const { name, contract, wei, malformed } of logs)
    if (!malformed && name !== 'vault_paused')
      sums.set(contract, (sums.get(contract) ?? 0n) + (name === 'deposit' ? wei : -wei))
  return sums
}
const UNSUPPORTED = 'deposit_unsupported 31337'
const NOTHING = { refused: null, outcome: 'taken', stored: 0, late: 0 }

export class ChainModel extends LedgerModel {
  cursor: BlockMark
  readonly startedAt: number
  readonly startedAtBlock: number
  rescanFrom: number | null = null
  switchedOff = false
  /** Reservations that had to wait, with the look at which they had to last. */
  private readonly looked = new Map<string, number>()
  private looks = 0
  /** By what names an event: `<tx hash> <hash of what it says>-<the how-manieth>`. */
  readonly logs = new Map<string, StoredLog>()
  /** Deposits of a token that was not known when they came, the oldest first. */
  uncredited: StoredLog[] = []
  readonly sentBack: StoredLog[] = []
  /** By the name of the event. */
  readonly debts = new Map<string, Units>()
  /** By contract: the newest block at which every coin was explained. */
  readonly #agreed = new Map<string, number>()
  /** Keys of the open ones. */
  readonly alerts = new Set<string>()
  /** What has crossed the border of the ledger, `<kind> <token>`. */
  readonly crossed = new Map<string, Units>()

  constructor(
    tokens: readonly ModelToken[],
    relations: [string, string][],
    readonly vault: string,
    start: BlockMark,
  ) {
    super(tokens, relations)
    this.cursor = start
    this.startedAt = start.timestamp
    this.startedAtBlock = start.number
  }

  /** Does anybody owe what a payment of something given back left unpaid? */
  get owed(): boolean {
    return [...this.debts.values()].some((units) => units > 0n)
  }

  recordLogs(from: number, seenHash: string, to: BlockMark, logs: readonly ChainLog[]) {
    if (from !== this.cursor.number) return NOTHING
    if (seenHash !== this.cursor.hash || to.timestamp < this.cursor.timestamp) {
      this.alerts.add('chain_hash_break')
      this.pause()
      return { ...NOTHING, outcome: 'hash_break' }
    }
    const counts = this.#store(logs)
    this.cursor = { number: to.number, hash: to.hash, timestamp: to.timestamp }
    return done({ outcome: 'moved', ...counts })
  }

  /** Not below the block after the first cursor: what is there is another ledger's. */
  requestRescan(asked: number) {
    const from = Math.max(asked, this.startedAtBlock + 1)
    this.rescanFrom = Math.min(this.rescanFrom ?? from, from)
    return done({})
  }

  recordRescan(from: number, to: number, logs: readonly ChainLog[]) {
    if (this.rescanFrom !== from || to > this.cursor.number) return NOTHING
    this.rescanFrom = to < this.cursor.number ? to + 1 : null
    return done({ outcome: 'moved', ...this.#store(logs) })
  }

  settleEvents(limit: number) {
    const sum = { claimed: 0, confirmed: 0, deposited: 0, quarantined: 0, pushed: 0 }
    for (const [name, stored] of this.pending().slice(0, limit)) {
      const settled = this.#settle(name, stored)
      sum.claimed += 1
      if (settled.pushed) sum.pushed += 1
      if (settled.deposited) sum.deposited += 1
      if (settled.reason === undefined) {
        stored.status = 'processed'
        if (stored.log.name === 'withdrawal') sum.confirmed += 1
        continue
      }
      Object.assign(stored, { status: 'quarantined', reason: settled.reason })
      sum.quarantined += 1
      this.alerts.add(`quarantine 31337 ${name}`)
      if (stored.log.name === 'withdrawal') this.pause()
    }
    return done({ ...sum, waiting: false })
  }

  /** In the order in which they are settled, with their names. */
  pending(): [string, StoredLog][] {
    return [...this.logs]
      .filter(([, { status }]) => status === 'pending')
      .sort(
        ([aName, { log: a }], [bName, { log: b }]) =>
          a.raw.block_number - b.raw.block_number ||
          a.raw.log_index - b.raw.log_index ||
          (aName < bName ? -1 : 1),
      )
  }

  /** Signed, and a block of this time is past the deadline. */
  due(time: number): ModelWithdrawal[] {
    return this.withdrawals
      .filter(({ status, deadline }) => status === 'signed' && deadline < time)
      .sort((a, b) => a.deadline - b.deadline || (a.id < b.id ? -1 : 1))
  }

  expire(at: BlockMark, rows: readonly ModelWithdrawal[], counterOf: (account: string) => number) {
    const { number, hash, timestamp } = this.cursor
    const final = number > at.number || (number === at.number && hash === at.hash)
    const unproved: string[] = []
    let expired = 0
    if (final && timestamp >= at.timestamp)
      for (const row of this.due(at.timestamp).filter((one) => rows.includes(one))) {
        if (this.#unsettledPayment(row.account)) continue
        if (Math.max(counterOf(row.account), this.nonces.get(row.account) ?? 0) > row.nonce) {
          unproved.push(row.id)
          continue
        }
        row.status = 'expired'
        this.change(row.account, 'spot', row.token, row.amount, -row.amount)
        expired += 1
      }
    if (unproved.length > 0) this.alerts.add(`event_missing 31337 ${this.vault}`)
    return done({ expired, unproved: unproved.sort(), pushed: expired })
  }

  /** `chain.counterOf` at that block. */
  counters(at: BlockMark, counterOf: (account: string) => number) {
    // Longer than any run takes: the clock of the doubts is the machine's, the chain's jumps to deadlines.
    const later = this.cursor.timestamp > this.startedAt + 30
    if (at.number === this.cursor.number && at.hash === this.cursor.hash)
      for (const account of [...this.doubts.keys()]) {
        const counter = counterOf(account)
        this.#correct(account, counter)
        if (!later || !this.explains(account, counter)) continue
        this.doubts.delete(account)
        this.alerts.delete(`counter_unexplained 31337 ${this.vault} ${account}`)
      }
    return done({ blocked: [...this.doubts].filter(([, { blocks }]) => blocks).map(([account]) => account).sort() }) // prettier-ignore
  }

  #correct(account: string, counter: number): void {
    const proved = this.nonces.get(account) ?? 0
    if (proved <= counter) return
    // Each event that is stored and settled, whatever became of it, proves its nonce; one that waits has not yet.
    const used = [...this.logs.values()].flatMap(({ log, status }) =>
      log.account === account && log.name === 'withdrawal' && !log.malformed && status !== 'pending'
        ? [log.nonce + 1]
        : [],
    )
    const least = Math.max(counter, ...used)
    this.nonces.set(account, Math.min(proved, least))
    this.alerts.add(
      `counter_${least === counter ? 'corrected' : 'contradicted'} 31337 ${this.vault} ${account}`,
    )
  }

  protected override doubt(account: string, counter: number, blocks: boolean): void {
    super.doubt(account, counter, blocks)
    if (blocks) this.alerts.add(`counter_unexplained 31337 ${this.vault} ${account}`)
  }

  list(token: ModelToken) {
    const known = this.tokens.includes(token)
    if (!known) this.tokens.push(token)
    return done({ listed: known ? 0 : 1 })
  }

  creditListed(limit: number) {
    const listed = this.uncredited.filter(({ log }) => this.#listed(log))
    const credited = listed
      .slice(0, limit)
      .filter(({ log }) => this.#credit(log, this.#listed(log)!).deposited)
    this.#noLongerUncredited(credited)
    return done({ deposited: credited.length, pushed: credited.length })
  }

  sendBack(deposit: StoredLog) {
    const returned = this.uncredited.includes(deposit)
    if (returned) this.sentBack.push(deposit)
    this.#noLongerUncredited([deposit])
    return done({ returned })
  }

  #listed({ contract }: ChainLog): ModelToken | undefined {
    return this.tokens.find((token) => token.contract === contract)
  }

  #noLongerUncredited(ended: readonly StoredLog[]): void {
    this.uncredited = this.uncredited.filter((one) => !ended.includes(one))
    if (this.uncredited.length === 0) this.alerts.delete(UNSUPPORTED)
  }

  endStale(ttlSeconds: number, limit: number) {
    // An hour is longer than any run: nothing is that old.
    const stale = ttlSeconds > 0 ? [] : this.withdrawals.filter(({ status }) => status === 'reserved')
    // What was not looked at yet comes first, then what waits the longest for its turn.
    const turn = ({ id }: { id: string }) => this.looked.get(id) ?? 0
    const taken = stale.toSorted((a, b) => turn(a) - turn(b)).slice(0, limit)
    const [kept, dead] = [
      taken.filter(({ id }) => this.kept.has(id)),
      taken.filter(({ id }) => !this.kept.has(id)),
    ]
    for (const row of dead) this.giveBack(row)
    // While signing is paused they wait: a kept signature may be what the pause refused.
    const signed = this.switchedOff ? [] : kept
    this.looks += 1
    if (this.switchedOff) for (const { id } of kept) this.looked.set(id, this.looks)
    for (const row of signed) this.sign(row, this.kept.get(row.id)!)
    if (signed.length > 0) this.alerts.add('signature_recovered')
    return done({ released: dead.length, signed: signed.length, pushed: dead.length })
  }

  pause() {
    this.switchedOff = true
    this.alerts.add('withdrawals_paused')
    return done({})
  }

  resume() {
    const resumed = this.switchedOff
    this.switchedOff = false
    this.alerts.delete('withdrawals_paused')
    return done({ resumed })
  }

  resolve(stored: StoredLog, retry: boolean) {
    if (stored.status !== 'quarantined') return done({ resolved: false })
    // What paid an open withdrawal is settled or waits: resolved, that could end in no way.
    if (!retry && this.#paysOpen(stored.log)) return done({ resolved: false })
    Object.assign(stored, { status: retry ? 'pending' : 'resolved', reason: `${stored.reason}; looked` })
    this.alerts.delete(`quarantine 31337 ${stored.log.raw.tx_hash} ${stored.log.content}-${stored.ordinal}`)
    return done({ resolved: true })
  }

  /** What the vault paid while its lost signature waited for the end of a pause. */
  retryPaid() {
    const paid = [...this.logs.values()].filter(
      ({ status, reason }) => status === 'quarantined' && reason?.startsWith('paid_without_signature'),
    )
    for (const stored of paid) this.resolve(stored, true)
    return done({ retried: paid.length })
  }

  check(breached: readonly string[], pause: boolean) {
    for (const symbol of breached) this.alerts.add(`solvency 31337 ${symbol}`)
    if (pause && breached.length > 0) this.pause()
    if (this.owed) this.alerts.add('debts')
    return done({ breaches: breached, broken: 0 })
  }

  /** @param held what the vault holds at the block, by contract, and what was sent back from it by hand */
  coins(at: BlockMark, held: ReadonlyMap<string, bigint>) {
    if (at.number !== this.cursor.number || at.hash !== this.cursor.hash) return done({})
    const known = coinsOf([...this.logs.values()].map(({ log }) => log))
    const from = this.tokens.flatMap(({ contract }) => {
      const alert = `vault_unexplained 31337 ${this.vault} ${contract}`
      if ((held.get(contract) ?? 0n) === (known.get(contract) ?? 0n)) {
        this.#agreed.set(contract, at.number)
        this.alerts.delete(alert)
        return []
      }
      this.alerts.add(alert)
      return [(this.#agreed.get(contract) ?? -1) + 1]
    })
    if (from.length > 0) this.rescanFrom ??= Math.min(...from)
    return done({})
  }

  protected override paused(account: string): boolean {
    return (
      this.switchedOff ||
      super.paused(account) ||
      [...this.logs.values()].some(({ log, status }) => log.account === account && status === 'quarantined')
    )
  }

  #unsettledPayment(account: string): boolean {
    return [...this.logs.values()].some(
      ({ log, status }) =>
        log.account === account &&
        log.name === 'withdrawal' &&
        (status === 'pending' || status === 'quarantined'),
    )
  }

  #store(logs: readonly ChainLog[]) {
    let [stored, late] = [0, 0]
    for (const [name, { log, ordinal }] of named(logs)) {
      const known = this.logs.get(name)
      if (known && known.log.raw.block_hash !== log.raw.block_hash) {
        known.log = log
        this.alerts.add(`transaction_moved 31337 ${log.raw.tx_hash}`)
        this.pause()
      }
      if (known) continue
      this.logs.set(name, { log, ordinal, status: 'pending', reason: null })
      // Agreed with it unknown: by chance.
      if (!log.malformed && log.raw.block_number <= (this.#agreed.get(log.contract) ?? -1))
        this.#agreed.delete(log.contract)
      stored += 1
      if (log.raw.block_number <= this.cursor.number) late += 1
    }
    if (late > 0) this.alerts.add('logs_were_missed')
    return { stored, late }
  }

  #settle(name: string, stored: StoredLog): Settled {
    const { log } = stored
    if (log.name === 'withdrawal') return this.#payment(name, log)
    if (log.name === 'deposit') return this.#deposit(stored)
    this.alerts.add(`vault_paused ${log.raw.tx_hash}`)
    // Before the first withdrawal it is the vault being set up.
    if (this.withdrawals.some(({ requestedAt }) => requestedAt < log.raw.block_timestamp - 60)) this.pause()
    return {}
  }

  #deposit(stored: StoredLog): Settled {
    const { log } = stored
    if (log.malformed || log.wei === 0n) return { reason: 'malformed' }
    const token = this.#listed(log)
    if (!token) {
      this.uncredited.push(stored)
      this.alerts.add(UNSUPPORTED)
      return {}
    }
    return this.#credit(log, token)
  }

  #credit(log: ChainLog, token: ModelToken): Settled {
    const units = log.wei * 10n ** BigInt(18 - token.decimals)
    if (units >= TOTAL_MAX) return { reason: 'amount_too_large' }
    if (this.row(log.account, 'spot', token.symbol).available + units >= TOTAL_MAX)
      return { reason: 'failed: 22003 numeric field overflow' }
    if (!this.fits(log.account, 'spot', token.symbol, units))
      return { reason: 'failed: TG000 invalid_amount' }
    this.change(log.account, 'spot', token.symbol, units, 0n)
    this.#cross('deposit', token.symbol, units)
    return { pushed: true, deposited: true }
  }

  #payment(name: string, log: ChainLog): Settled {
    if (log.malformed) return { reason: 'malformed' }
    this.nonces.set(log.account, Math.max(this.nonces.get(log.account) ?? 0, log.nonce + 1))
    const of = this.withdrawals.filter(({ account, nonce }) => account === log.account && nonce === log.nonce)
    const live = of.find(({ status }) => LIVE.has(status))
    if (live?.status === 'confirmed') return { reason: 'paid_twice' }
    if (live?.status === 'signed' && this.#means(log, live)) {
      live.status = 'confirmed'
      this.change(live.account, 'spot', live.token, 0n, -live.amount)
      this.#cross('withdraw_confirm', live.token, live.amount)
      return { pushed: true }
    }
    const expired = of.filter((row) => row.status === 'expired' && this.#means(log, row)).at(-1)
    if (expired) return { reason: 'paid_after_expiry', pushed: this.#owe(name, expired) }
    if (!live) return { reason: 'unknown_withdrawal' }
    return { reason: live.status === 'reserved' ? 'paid_without_signature' : 'withdrawal_mismatch' }
  }

  #paysOpen(log: ChainLog): boolean {
    return (
      log.name === 'withdrawal' &&
      !log.malformed &&
      this.withdrawals.some(
        (row) =>
          (row.status === 'reserved' || row.status === 'signed') &&
          row.account === log.account &&
          row.nonce === log.nonce &&
          this.#means(log, row),
      )
    )
  }

  #means(log: ChainLog, { token, amount }: ModelWithdrawal): boolean {
    const { contract, decimals } = this.token(token)!
    return log.contract === contract && log.wei * 10n ** BigInt(18 - decimals) === amount
  }

  /** Takes what is left of a payment that was also given back; the rest is owed. */
  #owe(name: string, row: ModelWithdrawal): boolean {
    if (this.debts.has(name)) return false
    const { available } = this.row(row.account, 'spot', row.token)
    const left = available < row.amount ? available : row.amount
    this.debts.set(name, row.amount - left)
    if (left === 0n) return false
    this.change(row.account, 'spot', row.token, -left, 0n)
    this.#cross('withdraw_paid_after_expiry', row.token, left)
    return true
  }

  #cross(kind: string, token: string, units: Units): void {
    this.crossed.set(`${kind} ${token}`, (this.crossed.get(`${kind} ${token}`) ?? 0n) + units)
  }
}
