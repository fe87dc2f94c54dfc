/** Amounts on the wire: decimal text, gated by grammar before anything parses it. Nothing is ever rounded. */
import { ApiError } from './errors.ts'

const GRAMMAR = /^-?(0|[1-9][0-9]{0,19})(\.[0-9]{1,18})?$/
const TEXT_LENGTH_MAX = 40

export type AmountFault = 'INVALID_AMOUNT' | 'AMOUNT_NON_POSITIVE'

/** What is wrong with an amount, or null. `decimals` is the token's own number of them, where it is known. */
export function amountFault(text: unknown, decimals = 18): AmountFault | null {
  // `$` also matches before a final newline in some dialects, not in JavaScript: no multiline flag here.
  if (typeof text !== 'string' || text.length > TEXT_LENGTH_MAX || !GRAMMAR.test(text))
    return 'INVALID_AMOUNT'
  const fraction = (text.split('.')[1] ?? '').replace(/0+$/, '')
  if (fraction.length > decimals) return 'INVALID_AMOUNT'
  return text.startsWith('-') || !/[1-9]/.test(text) ? 'AMOUNT_NON_POSITIVE' : null
}

export function amountError(fault: AmountFault): ApiError {
  return fault === 'INVALID_AMOUNT'
    ? new ApiError(
        fault,
        'amount must be a decimal string such as "12.5", with no more decimals than the token has',
      )
    : new ApiError(fault, 'amount must be greater than zero')
}
