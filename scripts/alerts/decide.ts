/** What a person decides about an alert: each decision with the words it takes, which are looked at before the database is. */
import { parseAccount } from '../../functions/_lib/wallet/accounts.ts'
import { checkWords, UsageError } from '../stack/command.ts'
import type { asOwner } from '../stack/owner.ts'
import { endMadeSince, timeOf } from './made-since.ts'
import { book, quarantined } from './quarantined.ts'

export type Query = Parameters<Parameters<typeof asOwner>[0]>[0]
export interface Said {
  why: string
  /** Who decides; undefined where nobody said. */
  by: string | undefined
  /** Of `disown`: somebody has looked, and no node has to be asked. */
  notOurs: boolean
}
interface Word {
  name: string
  /** As the database takes it; undefined where it is none. */
  read: (text: string) => string | undefined
  must: string
}
interface Decision {
  words: Word[]
  /** How many of the last words may be left out. */
  optional?: number
  /** What was done, for a person. @throws Error why nothing was */
  do(query: Query, words: string[], said: Said): Promise<string>
}

const matching = (pattern: RegExp) => (text: string) => (pattern.test(text) ? text.toLowerCase() : undefined)
const id = (what: string): Word => ({
  name: `<${what} id>`,
  read: matching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i),
  must: 'an id like 01a1fd99-2ea6-7f91-83dc-fca998995466',
})
const whole = (name: string): Word => ({
  name,
  read: matching(/^(0|[1-9]\d{0,14})$/),
  must: 'a whole number of at most 15 digits',
})
const TX_HASH: Word = { name: '<tx hash>', read: matching(/^0x[0-9a-f]{64}$/i), must: '0x and 64 hex digits' }
const LOG: Word = {
  name: '<log>',
  read: matching(/^[0-9a-f]{64}-\d{1,9}$/i),
  must: 'a log’s name, as the list shows it',
}
const address = (name: string): Word => ({
  name,
  read: (text) => {
    const account = parseAccount(text)
    return account?.kind === 'evm' ? account.id : undefined
  },
  must: 'an EVM address, with a right checksum where its letters are mixed',
})
const TOKEN: Word = {
  name: '<token>',
  read: (text) => (/^[\x21-\x7e]{1,32}$/.test(text) ? text : undefined),
  must: 'a symbol',
}
const TIME: Word = {
  name: '<time>',
  read: (text) => timeOf(text),
  must: 'a time of the past like 2026-11-27T10:00:00Z',
}
/** Whole tokens: as the alert says them. */
const AMOUNT: Word = {
  name: '<amount>',
  read: (text) => (/^(0|[1-9]\d{0,19})(\.\d{1,18})?$/.test(text) && Number(text) > 0 ? text : undefined),
  must: 'whole tokens, more than zero, as the alert says them: 12 or 12.5',
}

/** One that answers whether there was such a thing. */
const closing = (what: string, sql: string, done: string): Decision => ({
  words: [id(what)],
  async do(query, [first], { why }) {
    const [row] = await query<{ done: boolean }>(`select ${sql} as done`, [first, why])
    if (!row?.done) throw new Error(`there is no such open ${what}`)
    return done
  },
})
const ofLog = (again: boolean): Decision => ({
  words: [TX_HASH, LOG],
  optional: 1,
  async do(query, [hash = '', log], { why }) {
    const row = await quarantined(query, hash, log)
    const name = [row.chain_id, row.tx_hash, row.content_hash, row.ordinal]
    const [said] = await query<{ done: boolean }>(
      'select ledger.resolve_log($1, $2, $3, $4, $5, $6) as done',
      [...name, again, why],
    )
    if (!said?.done)
      throw new Error(
        again
          ? 'somebody was faster: it is quarantined no more'
          : 'not resolved: it paid exactly a withdrawal that is still open. Retry it once that is signed',
      )
    return again ? 'the next run processes it' : 'resolved'
  },
})
const ofCoins = (sign: '' | '-'): Decision => ({
  words: [TOKEN, AMOUNT, address('<vault>')],
  optional: 1,
  async do(query, [token, amount = '', vault], { why, by }) {
    const [row] = await query<{ result: { explained: boolean; reason: string } }>(
      `select ledger.explain_coins($1, $2, concat_ws(' as ', $3::text, session_user), $4, $5) as result`,
      [token, sign + amount, by ?? null, why, vault ?? null],
    )
    if (!row?.result.explained) throw new Error(`not recorded: ${row?.result.reason}`)
    return row.result.reason
  },
})

const DECISIONS: Record<string, Decision> = {
  resolve: closing('alert', 'ledger.resolve_alert($1, $2)', 'resolved'),
  'settle-debt': closing('debt', 'ledger.settle_debt($1, $2)', 'settled'),
  returned: closing('unsupported deposit', 'ledger.return_deposit($1, $2)', 'returned, and never credited'),
  retry: ofLog(true),
  'resolve-log': ofLog(false),
  book: { words: [TX_HASH, LOG], optional: 1, do: book },
  'end-made-since': { words: [TIME], do: endMadeSince },
  explain: ofCoins(''),
  'take-back': ofCoins('-'),
  'write-off': ofCoins('-'),
  void: {
    words: [id('withdrawal')],
    async do(query, [first], { why }) {
      const [row] = await query<{ result: { voided: boolean; reason: string } }>(
        'select ledger.void_withdrawal($1, $2) as result',
        [first, why],
      )
      if (!row?.result.voided) throw new Error(`not voided: ${row?.result.reason}`)
      return row.result.reason
    },
  },
  'accept-counter': {
    words: [address('<account>'), whole('<n>'), address('<vault>')],
    optional: 1,
    async do(query, [account = '', n, named], { why }) {
      const { chain_id, vault } = await vaultOf(query, account, named)
      const [row] = await query<{ done: boolean }>(
        'select ledger.accept_counter($1, $2, $3, $4, $5) as done',
        [...[account, chain_id, vault, n, why]],
      )
      if (!row?.done) throw new Error('not accepted: a payment above it was settled')
      return `the next withdrawal of ${account} has nonce ${n} at least`
    },
  },
  rescan: {
    words: [whole('<from block>')],
    async do(query, [from]) {
      // A wish for blocks that were never read would wait for ever, and every later one with it.
      const rows = await query(
        'select ledger.request_rescan(chain_id, vault, $1) from chain_cursors where block_number >= $1',
        [from],
      )
      if (rows.length === 0)
        throw new Error(`no vault was read up to block ${from} yet: there is nothing to repeat`)
      return 'the next runs read those blocks again'
    },
  },
  disown: {
    words: [address('<vault>'), whole('<chain id>')],
    optional: 1,
    async do(query, words, said) {
      // The one that asks a node: what it needs for that takes longer to load than the others take to be done.
      const { disown } = await import('./disown.ts')
      return await disown(query, words, said)
    },
  },
}

/** @throws UsageError naming the word that cannot be meant */
export function decisionOf(
  [verb = '', ...texts]: string[],
  usage: string,
): (query: Query, said: Said) => Promise<string> {
  const decision = Object.hasOwn(DECISIONS, verb) ? DECISIONS[verb] : undefined
  if (!decision) throw new UsageError(`${verb}: there is no such decision\n${usage}`)
  const { words, optional = 0 } = decision
  const names = words.map(({ name }) => name)
  checkWords(verb, names, texts, usage, optional)
  const read = texts.map((text, at) => {
    const word = words[at] as Word
    const value = word.read(text)
    if (value === undefined)
      throw new UsageError(`${verb}: ${word.name} must be ${word.must}, not ${JSON.stringify(text)}`)
    return value
  })
  return async (query, said) => await decision.do(query, read, said)
}

/** The vault at which the account's counter is in doubt; where none is, the only one that settle knows. */
async function vaultOf(query: Query, account: string, named: string | undefined) {
  const vaults = await query<{ chain_id: string; vault: string }>(
    `with doubted as (select chain_id, vault from counter_doubts where account = $1 and cleared_at is null)
     select chain_id, vault from doubted
     union all select chain_id, vault from chain_cursors where not exists (select from doubted) or vault = $2`,
    [account, named ?? ''],
  )
  const found = vaults.filter(({ vault }) => named === undefined || vault === named)
  if (!found[0]) throw new Error('not accepted: settle has never run for such a vault')
  if (new Set(found.map(({ chain_id, vault }) => `${chain_id} ${vault}`)).size > 1)
    throw new Error(`name the vault: one of\n${found.map(({ vault }) => vault).join('\n')}`)
  return found[0]
}
