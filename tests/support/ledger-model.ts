/**
 * The ledger as one would explain it at a table: a map of balances, a map of keys, a list of withdrawals, and each verb as
 * the rules say. It shares no code with the SQL; where the two disagree, one of them is wrong.
 */
import { ONE, textOf, unitsOf, type Units } from './ledger-units.ts'

export const TOTAL_MAX = 10n ** 20n * ONE

export interface ModelToken {
  symbol: string
  contract: string
  decimals: number
  transferable: boolean
  withdrawable: boolean
  minWithdraw: Units
}
export interface Row {
  available: Units
  frozen: Units
  version: number
}
export interface ModelWithdrawal {
  id: string
  account: string
  token: string
  amount: Units
  nonce: number
  /** Unix seconds. */
  requestedAt: number
  /** Unix seconds. */
  deadline: number
  status: 'reserved' | 'signed' | 'released' | 'confirmed' | 'expired'
  signature?: string
  key?: string | undefined
}
export interface Key {
  key: string
  hash: string
}
export type Wallet = 'perp' | 'spot'
export type Outcome<T = object> = { refused: string } | ({ refused: null } & T)

export const refused = (reason: string) => ({ refused: reason })
export const done = <T extends object>(rest: T) => ({ refused: null, ...rest })

/** A withdrawal that holds its nonce. */
export const LIVE = new Set<ModelWithdrawal['status']>(['reserved', 'signed', 'confirmed'])

export class LedgerModel {
  readonly rows = new Map<string, Row>()
  readonly withdrawals: ModelWithdrawal[] = []
  readonly #keys = new Map<string, { hash: string; answer: object | null }>()
  readonly #messages = new Set<string>()
  /** The next nonce on chain, as far as it is proved. */
  readonly nonces = new Map<string, number>()
  /** Accounts whose counter was said to be what the ledger cannot explain; `blocks` stops signing. */
  readonly doubts = new Map<string, { counter: number; blocks: boolean }>()

  readonly tokens: ModelToken[]

  /** What the witness keeps: signatures, from before they are stored, by the withdrawal's id. */
  readonly kept = new Map<string, string>()

  constructor(
    tokens: readonly ModelToken[],
    /** [main, subaccount] */
    readonly relations: readonly (readonly [string, string])[],
  ) {
    this.tokens = [...tokens]
  }

  row(account: string, wallet: Wallet, token: string): Row {
    return this.rows.get(`${account} ${wallet} ${token}`) ?? { available: 0n, frozen: 0n, version: 0 }
  }

  credit(account: string, symbol: string, amount: string, key?: Key): Outcome<{ replayed: boolean }> {
    const known = this.#claim('admin credit', key)
    if (known) return known.refused === null ? done({ replayed: true }) : known
    const checked = this.#checked(symbol, amount)
    if (typeof checked === 'string') return refused(checked)
    if (!this.fits(account, 'spot', symbol, checked)) return refused('invalid_amount')
    this.change(account, 'spot', symbol, checked, 0n)
    this.#remember('admin credit', key, {})
    return done({ replayed: false })
  }

  transfer(account: string, symbol: string, direction: string, amount: string, key?: Key) {
    const known = this.#claim(`${account} transfer`, key)
    if (known) return known.refused === null ? done({ replayed: true, ...known.answer }) : known
    if (!this.token(symbol)?.transferable) return refused('unsupported_token')
    const checked = this.#checked(symbol, amount)
    if (typeof checked === 'string') return refused(checked)
    const [from, to]: Wallet[] = direction === 'perp_to_spot' ? ['perp', 'spot'] : ['spot', 'perp']
    const fault = this.#move(account, from!, account, to!, symbol, checked)
    if (fault) return refused(fault)
    const answer = {
      perp: textOf(this.row(account, 'perp', symbol).available),
      spot: textOf(this.row(account, 'spot', symbol).available),
    }
    this.#remember(`${account} transfer`, key, answer)
    return done({ replayed: false, ...answer })
  }

  subaccountTransfer(
    account: string,
    to: string,
    wallet: Wallet,
    symbol: string,
    amount: string,
    digest: string,
    key?: string,
  ): Outcome {
    const scope = `${account} subaccount ${key}`
    if (key !== undefined && this.#keys.has(scope)) return refused('duplicate_idempotency_key')
    if (this.#messages.has(digest)) return refused('duplicate_signature')
    if (
      !this.relations.some(([main, sub]) => [`${main} ${sub}`, `${sub} ${main}`].includes(`${account} ${to}`))
    )
      return refused('invalid_relationship')
    const units = unitsOf(amount)
    if (units !== null && units <= 0n) return refused('invalid_amount')
    const checked = this.#checked(symbol, amount)
    if (typeof checked === 'string') return refused(checked)
    const fault = this.#move(account, wallet, to, wallet, symbol, checked)
    if (fault) return refused(fault)
    this.#messages.add(digest)
    if (key !== undefined) this.#keys.set(scope, { hash: digest, answer: {} })
    return done({})
  }

  /** What stops signing for everybody is in ledger-chain-model.ts. */
  protected paused(account: string): boolean {
    return this.doubts.get(account)?.blocks === true
  }

  protected doubt(account: string, counter: number, blocks: boolean): void {
    this.doubts.set(account, { counter, blocks: blocks || this.doubts.get(account)?.blocks === true })
  }

  /** Each nonce below the counter was used by a payment: of one that is settled, or of a signature that is out. */
  protected explains(account: string, counter: number): boolean {
    const proved = this.nonces.get(account) ?? 0
    const used = Array.from({ length: Math.max(counter - proved, 0) }, (_, at) => proved + at)
    return used.every((nonce) =>
      this.withdrawals.some(
        (w) => w.account === account && w.nonce === nonce && ['signed', 'confirmed'].includes(w.status),
      ),
    )
  }

  /** `made` is what the database says of the withdrawal it made; looked at only when the model makes one too. */
  reserve(
    account: string,
    symbol: string,
    amount: string,
    key: Key | undefined,
    made: Pick<ModelWithdrawal, 'id' | 'requestedAt' | 'deadline'>,
  ) {
    const known = this.#claim(`${account} withdraw`, key)
    if (known) {
      if (known.refused !== null) return known
      return known.answer === null ? refused('request_in_progress') : done({ outcome: 'replayed', nonce: -1 })
    }
    if (this.paused(account)) return refused('withdrawals_paused')
    const token = this.token(symbol)
    if (!token?.withdrawable) return refused('unsupported_token')
    const checked = this.#checked(symbol, amount)
    if (typeof checked === 'string') return refused(checked)
    if (checked < token.minWithdraw) return refused('below_minimum')
    if (!account.startsWith('0x')) return refused('unsupported_account')
    const row = this.row(account, 'spot', symbol)
    if (row.available < checked) return refused('insufficient_balance')
    const chain = this.nonces.get(account) ?? 0
    const live = this.withdrawals.filter((w) => w.account === account && LIVE.has(w.status))
    if (live.some((w) => w.status === 'reserved')) return refused('withdrawal_in_progress')
    this.nonces.set(account, chain)
    let nonce = chain
    while (live.some((w) => w.nonce === nonce)) nonce += 1
    this.change(account, 'spot', symbol, -checked, checked)
    this.withdrawals.push({
      ...made,
      account,
      token: symbol,
      amount: checked,
      nonce,
      status: 'reserved',
      key: key?.key,
    })
    this.#remember(`${account} withdraw`, key, null)
    return done({ outcome: 'reserved', nonce })
  }

  store(withdrawal: ModelWithdrawal, signature: string, counter: number): Outcome<{ outcome: string }> {
    const { account } = withdrawal
    if (withdrawal.status === 'signed' && withdrawal.signature === signature)
      return done({ outcome: 'signed' })
    if (withdrawal.status !== 'reserved') return refused('reservation_gone')
    if (this.paused(account)) return refused('withdrawals_paused')
    if (counter < (this.nonces.get(account) ?? 0)) {
      this.giveBack(withdrawal)
      this.doubt(account, counter, false)
      return done({ outcome: 'behind' })
    }
    if (!this.explains(account, counter)) return done({ outcome: 'unexplained' })
    this.sign(withdrawal, signature)
    return done({ outcome: 'signed' })
  }

  protected sign(withdrawal: ModelWithdrawal, signature: string): void {
    Object.assign(withdrawal, { status: 'signed', signature })
    const record = this.#keys.get(`${withdrawal.account} withdraw ${withdrawal.key}`)
    if (record && withdrawal.key !== undefined) record.answer = {}
  }

  refuseCounter(withdrawal: ModelWithdrawal, counter: number) {
    const explained = !withdrawal.account || this.explains(withdrawal.account, counter)
    const { released } = this.giveBack(withdrawal) as { released: boolean }
    if (!explained) this.doubt(withdrawal.account, counter, true)
    return done({ outcome: explained ? 'contradicted' : 'blocked', released })
  }

  giveBack(withdrawal: ModelWithdrawal): Outcome<{ released: boolean }> {
    if (withdrawal.status !== 'reserved') return done({ released: false })
    withdrawal.status = 'released'
    this.change(withdrawal.account, 'spot', withdrawal.token, withdrawal.amount, -withdrawal.amount)
    if (withdrawal.key !== undefined) this.#keys.delete(`${withdrawal.account} withdraw ${withdrawal.key}`)
    return done({ released: true })
  }

  protected token(symbol: string): ModelToken | undefined {
    return this.tokens.find((token) => token.symbol === symbol)
  }

  #checked(symbol: string, amount: string): Units | string {
    const token = this.token(symbol)
    if (!token) return 'unsupported_token'
    const units = unitsOf(amount)
    if (units === null || units % 10n ** BigInt(18 - token.decimals) !== 0n) return 'invalid_amount'
    if (units >= TOTAL_MAX || units <= -TOTAL_MAX) return 'invalid_amount'
    return units <= 0n ? 'amount_not_positive' : units
  }

  /** What an account holds of a token in a wallet, free and frozen together, stays below 10^20. */
  protected fits(account: string, wallet: Wallet, symbol: string, amount: Units): boolean {
    const { available, frozen } = this.row(account, wallet, symbol)
    return available + frozen + amount < TOTAL_MAX
  }

  /** The row that sorts first is locked and judged first, so its refusal is the one that is heard. */
  #move(from: string, fromWallet: Wallet, to: string, toWallet: Wallet, symbol: string, amount: Units) {
    const short = this.row(from, fromWallet, symbol).available < amount && 'insufficient_balance'
    const full = !this.fits(to, toWallet, symbol, amount) && 'invalid_amount'
    const fromFirst = from === to ? fromWallet < toWallet : from < to
    const fault = fromFirst ? short || full : full || short
    if (fault) return fault
    this.change(from, fromWallet, symbol, -amount, 0n)
    this.change(to, toWallet, symbol, amount, 0n)
    return null
  }

  protected change(account: string, wallet: Wallet, symbol: string, available: Units, frozen: Units): void {
    const row = this.row(account, wallet, symbol)
    this.rows.set(`${account} ${wallet} ${symbol}`, {
      available: row.available + available,
      frozen: row.frozen + frozen,
      version: row.version + 1,
    })
  }

  #claim(scope: string, key: Key | undefined) {
    const known = key && this.#keys.get(`${scope} ${key.key}`)
    if (!known) return undefined
    return known.hash === key.hash ? done({ answer: known.answer }) : refused('idempotency_key_reused')
  }

  #remember(scope: string, key: Key | undefined, answer: object | null): void {
    if (key) this.#keys.set(`${scope} ${key.key}`, { hash: key.hash, answer })
  }
}
