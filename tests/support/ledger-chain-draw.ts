/** Random steps of the chain and of settle, drawn so that payments, deadlines and readings cross each other. */
import fc from 'fast-check'
import type { Form } from './ledger-chain.ts'
import { pick, step, type Step } from './ledger-draw.ts'

export type ChainStep =
  /** The chain by itself. A deposit's number is in the token's smallest unit. */
  | { verb: 'pay'; pick: number }
  | {
      verb: 'deposit'
      account: number
      token: string
      amount: number | 'a token' | 'near full'
      times: number
    }
  | { verb: 'advance'; pick: number; by: number }
  | { verb: 'vaultPaused' }
  /** Settle. `node` is what the node that is asked does. */
  | {
      verb: 'record'
      depth: number
      overlap: number
      forms: Form[]
      node: 'honest' | 'blind' | 'twinless' | 'stale' | 'forked' | 'moved'
    }
  | { verb: 'askRescan'; back: number }
  | { verb: 'rescan'; blocks: number; forms: Form[] }
  | { verb: 'settle'; limit: number }
  /** Deposits whose token was listed after they came. */
  | { verb: 'creditListed'; limit: number }
  | { verb: 'expire'; at: 'cursor' | 'older' | 'ahead' | 'forked'; rows: 'due' | 'every' | 'twice' }
  /** The counters in doubt, read at a block. */
  | { verb: 'counters'; at: 'cursor' | 'older' }
  | { verb: 'endStale'; ttl: number; limit: number }
  /** The database loses that a withdrawal was signed, before the next run of settle. */
  | { verb: 'lose'; pick: number }
  | { verb: 'check'; short: string | null; pause: boolean }
  /** What the vault holds at a block, against the events that are stored. */
  | { verb: 'coins'; at: 'cursor' | 'older' }
  /** A person. */
  | { verb: 'pause' }
  | { verb: 'resume' }
  | { verb: 'resolve'; pick: number; retry: boolean }
  /** Payments that came before their lost signatures were recovered are looked at again. */
  | { verb: 'retryPaid' }
  /** The token that the vault knows and the ledger does not is listed. */
  | { verb: 'list' }
  /** A deposit that was not credited is sent back. */
  | { verb: 'sendBack'; pick: number }
  /** What the vault would never write. */
  | { verb: 'forge'; pick: number; form: Forgery }
export type Forgery =
  'same' | 'more' | 'other token' | 'later nonce' | 'malformed' | 'no deposit' | 'vast deposit'
export type AnyStep = Step | ChainStep

type Weighted = { weight: number; arbitrary: fc.Arbitrary<AnyStep> }
const of = <V extends ChainStep['verb']>(
  weight: number,
  verb: V,
  rest: { [F in keyof Omit<Extract<ChainStep, { verb: V }>, 'verb'>]: fc.Arbitrary<unknown> },
): Weighted => ({
  weight,
  arbitrary: fc.record({
    verb: fc.constant(verb),
    ...rest,
  }) as fc.Arbitrary<unknown> as fc.Arbitrary<AnyStep>,
})

const forms = fc.subarray<Form>(['renumbered', 'repeated', 'reversed'])
const honest: Weighted[] = [
  { weight: 22, arbitrary: step },
  of(5, 'pay', { pick }),
  of(3, 'deposit', {
    account: fc.constantFrom(0, 1, 2, 3),
    token: fc.constantFrom('FINE', 'FINE', 'CENT', 'CENT', 'UNIT', 'LATE', 'LATE', 'NONE'),
    amount: fc.constantFrom(1, 250, 5_000_000, 'a token', 'a token', 'a token', 'near full'),
    times: fc.constantFrom(1, 1, 2, 3),
  }),
  // Just before, in and just after the last second in which the vault takes a signature.
  of(3, 'advance', { pick, by: fc.constantFrom(-1, 0, 1, 1) }),
  of(1, 'vaultPaused', {}),
  of(7, 'record', {
    depth: fc.constantFrom(0, 0, 0, 1, 2),
    overlap: fc.constantFrom(0, 3),
    forms,
    node: fc.oneof(
      { weight: 8, arbitrary: fc.constant('honest') },
      { weight: 4, arbitrary: fc.constantFrom('blind', 'twinless', 'stale', 'forked') },
      { weight: 1, arbitrary: fc.constant('moved') },
    ),
  }),
  of(1, 'askRescan', { back: fc.nat({ max: 6 }) }),
  of(2, 'rescan', { blocks: fc.constantFrom(2, 100), forms }),
  of(6, 'settle', { limit: fc.constantFrom(1, 2, 100) }),
  of(6, 'expire', {
    at: fc.constantFrom('cursor', 'cursor', 'cursor', 'older', 'ahead', 'forked'),
    rows: fc.constantFrom('due', 'every', 'twice'),
  }),
  of(3, 'counters', { at: fc.constantFrom('cursor', 'cursor', 'older') }),
  of(3, 'creditListed', { limit: fc.constantFrom(1, 2, 100) }),
  of(2, 'endStale', { ttl: fc.constantFrom(0, 0, 3600), limit: fc.constantFrom(1, 100) }),
  of(2, 'lose', { pick }),
  of(4, 'coins', { at: fc.constantFrom('cursor', 'cursor', 'cursor', 'older') }),
  of(1, 'check', {
    short: fc.constantFrom(null, null, 'FINE', 'CENT'),
    pause: fc.constantFrom(false, false, true),
  }),
  of(1, 'pause', {}),
  of(3, 'resume', {}),
  of(2, 'resolve', { pick, retry: fc.boolean() }),
  of(1, 'list', {}),
  of(1, 'sendBack', { pick }),
]
const forgeries: Forgery[] = [
  'same',
  'more',
  'other token',
  'later nonce',
  'malformed',
  'no deposit',
  'vast deposit',
]
const rogue: Weighted[] = [of(5, 'forge', { pick, form: fc.constantFrom('same', 'same', ...forgeries) })]

/** Steps that belong together: drawn one by one, hardly a withdrawal would come to its signature. */
const reserve = fc.record({
  verb: fc.constant('reserve' as const),
  account: fc.constantFrom(0, 0, 1, 2),
  token: fc.constantFrom('FINE' as const, 'CENT' as const),
  amount: fc.constantFrom('1' as const, '2.5' as const, 'half' as const),
  key: fc.constant(null),
  ttl: fc.constantFrom(60 as const, 600 as const),
})
const store = { verb: 'store', pick: 0, signature: '11', node: 'true' } as const
const giveBack = { verb: 'giveBack', pick: 0 } as const
const lose = { verb: 'lose', pick: 0 } as const
const pay = { verb: 'pay', pick: 0 } as const
const record = { verb: 'record', depth: 0, overlap: 0, forms: [], node: 'honest' } satisfies AnyStep
const lapse = { verb: 'advance', pick: 0, by: 1 } as const
const blind = { ...record, node: 'blind' } satisfies AnyStep
const lastSecond = { ...lapse, by: 0 } as const
const expire = { verb: 'expire', at: 'cursor', rows: 'due' } as const
const course = (before: AnyStep[], after: AnyStep[]): fc.Arbitrary<AnyStep[]> =>
  reserve.map((first) => [...before, first, ...after])
const settle = { verb: 'settle', limit: 100 } as const
const coins = { verb: 'coins', at: 'cursor' } as const
const lateDeposit = { verb: 'deposit', account: 0, token: 'LATE', amount: 'a token', times: 2 } as const
const courses = [
  // Listed before, between or after its settling and its crediting.
  { weight: 2, arbitrary: fc.constant<AnyStep[]>([lateDeposit, record, settle, { verb: 'list' }, { verb: 'creditListed', limit: 100 }]) }, // prettier-ignore
  { weight: 10, arbitrary: course([], [store]) },
  { weight: 3, arbitrary: course([{ verb: 'resume' }], [store]) },
  // The funds were given back while the signer worked.
  { weight: 3, arbitrary: course([], [giveBack, store]) },
  { weight: 4, arbitrary: course([], [store, pay, record]) },
  { weight: 2, arbitrary: course([], [store, lapse, record]) },
  { weight: 2, arbitrary: course([], [store, lose]) },
  // Paid by a signature that the ledger has lost.
  { weight: 2, arbitrary: course([], [store, pay, lose, record, settle]) },
  { weight: 3, arbitrary: course([], [store, lastSecond, record, expire]) },
  // Paid, and the node that was asked left the event out.
  { weight: 3, arbitrary: course([], [store, pay, blind, lapse, record, expire]) },
  // The same, and what the vault holds tells of it.
  {
    weight: 2,
    arbitrary: course([], [store, pay, blind, coins, { verb: 'rescan', blocks: 100, forms: [] }, coins]),
  },
  // Paid, read and not settled yet.
  { weight: 2, arbitrary: course([], [store, pay, lapse, record, expire]) },
  { weight: 2, arbitrary: fc.constant<AnyStep[]>([lapse, record, { ...expire, rows: 'every' }]) },
]
const forgedAndRead = of(1, 'forge', { pick, form: fc.constantFrom('same', 'same', ...forgeries) })
const roguery = { weight: 6, arbitrary: forgedAndRead.arbitrary.map((forge) => [forge, record, settle]) }
const stepsOf = (single: fc.Arbitrary<AnyStep>, ...more: (typeof courses)[number][]) =>
  fc
    .array(fc.oneof({ weight: 60, arbitrary: single.map((one) => [one]) }, ...courses, ...more), {
      minLength: 10,
      maxLength: 30,
      size: 'max',
    })
    .map((parts) => parts.flat())

/** Every verb of the ledger, over a chain that keeps its rules. */
export const honestSteps = stepsOf(fc.oneof(...honest))
/** The same, with logs that no vault could have written. */
export const rogueSteps = stepsOf(fc.oneof(...honest, ...rogue), roguery)

const FIXED = ['1', '2.5', '10', '0.01', '0', '100000000000000000000']
/** Nothing that only one order of the steps explains: amounts that follow a balance, and balances that are full. */
const definite = (drawn: AnyStep): boolean => {
  if (drawn.verb === 'deposit') return drawn.amount !== 'near full'
  // Settle's run begins after the loss, and a request whose row was lost has ended by then.
  if (drawn.verb === 'lose') return false
  if (drawn.verb === 'check' || drawn.verb === 'resolve' || drawn.verb === 'sendBack') return false
  return !('amount' in drawn) || FIXED.includes(drawn.amount)
}
/** Steps that run at once: one of each pair that belongs together may be there for the other's row of an earlier batch. */
export const batch = fc
  .array(
    fc.oneof(fc.oneof(...honest), ...courses.map(({ arbitrary }) => arbitrary)).map((one) => [one].flat()),
    {
      minLength: 4,
      maxLength: 8,
      size: 'max',
    },
  )
  .map((parts) => parts.flat().filter(definite))
