/** Amounts on the wire: decimal text, gated by grammar before anything parses it. Nothing is ever rounded. */
import Big from 'big.js'
import { UNREADABLE, type Readable } from '../../../db/ledger/unreadable.ts'
import { ApiError } from '../errors.ts'
import { AMOUNT_LENGTH_MAX } from '../limits.ts'

// A constructor of our own, strict: it takes text only, so that no JavaScript number ever becomes an amount.
const Decimal = /* @__PURE__ */ strictDecimal()

function strictDecimal() {
  const constructor = Big()
  constructor.strict = true
  return constructor
}

const GRAMMAR = /^-?(0|[1-9][0-9]{0,19})(\.[0-9]{1,18})?$/

export type AmountFault = 'INVALID_AMOUNT' | 'AMOUNT_NON_POSITIVE'

/** What is wrong with an amount, or null. `decimals` is the token's own number of them, where it is known. */
export function amountFault(text: unknown, decimals = 18): AmountFault | null {
  // `$` also matches before a final newline in some dialects, not in JavaScript: no multiline flag here.
  if (typeof text !== 'string' || text.length > AMOUNT_LENGTH_MAX || !GRAMMAR.test(text))
    return 'INVALID_AMOUNT'
  const value = Decimal(text)
  if (!value.round(decimals, Big.roundDown).eq(value)) return 'INVALID_AMOUNT'
  return value.lte('0') ? 'AMOUNT_NON_POSITIVE' : null
}

/** An amount as the ledger may have it; zero and less have a refusal of their own there. */
export const amountOf = (text: unknown): Readable =>
  amountFault(text) === 'INVALID_AMOUNT' ? UNREADABLE : (text as string)

/**
 * Whole tokens → the token's smallest unit, exactly: `'1.5'` with 6 decimals is `1500000n`.
 *
 * @throws RangeError for text that is no amount of a token with so many decimals
 */
export function toUnits(text: string, decimals: number): bigint {
  if (amountFault(text, decimals) === 'INVALID_AMOUNT') throw new RangeError('not an amount of this token')
  return BigInt(
    Decimal(text)
      .times(Decimal(`1e${decimals}`))
      .toFixed(),
  )
}

/** The token's smallest unit → whole tokens, as the wire has them: no trailing zeros, never an exponent. */
export function fromUnits(units: bigint, decimals: number): string {
  return Decimal(String(units))
    .times(Decimal(`1e-${decimals}`))
    .toFixed()
}

export function amountError(fault: AmountFault): ApiError {
  return fault === 'INVALID_AMOUNT'
    ? new ApiError(
        fault,
        'amount must be a decimal string such as "12.5", with no more decimals than the token has',
      )
    : new ApiError(fault, 'amount must be greater than zero')
}
