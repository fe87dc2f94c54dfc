/** Amounts as text, counted by big.js: no amount of this page is ever a JavaScript number. */
import Big from 'big.js'
import { amountFault } from '../../functions/_lib/money/amount.ts'

export const plus = (a: string, b: string): string => Big(a).plus(b).toFixed()
export const minus = (a: string, b: string): string => Big(a).minus(b).toFixed()
export const isMore = (a: string, b: string): boolean => Big(a).gt(b)
export const isZero = (a: string): boolean => Big(a).eq(0)

/** `12345.678` as `12,345.678`: for the eye alone, and never sent. */
export function grouped(amount: string): string {
  const [, sign = '', whole = '', rest = ''] = /^(-?)(\d+)(.*)$/.exec(amount) ?? []
  return sign.replace('-', '−') + whole.replace(/\B(?=(\d{3})+$)/g, ',') + rest
}

/** With its sign in front, as a change is shown. */
export const signed = (amount: string): string => (amount.startsWith('-') ? '' : '+') + grouped(amount)

export interface Bounds {
  symbol: string
  decimals: number
  /** At most this much, where there is a limit. */
  available?: string | undefined
  /** At least this much. */
  least?: string | undefined
}

/** What keeps an amount from being sent, in words; undefined when nothing does. The API judges by the same rules. */
export function amountProblem(
  text: string,
  { symbol, decimals, available, least }: Bounds,
): string | undefined {
  if (text === '') return 'Enter an amount.'
  const fault = amountFault(text, decimals)
  if (fault === 'AMOUNT_NON_POSITIVE') return 'The amount must be more than zero.'
  if (fault !== null) {
    const places = decimals === 1 ? 'decimal' : 'decimals'
    return `Digits with at most ${decimals} ${places} after the point, such as 12.5.`
  }
  if (least !== undefined && isMore(least, text)) return `At least ${grouped(least)} ${symbol}.`
  if (available !== undefined && isMore(text, available))
    return `Only ${grouped(available)} ${symbol} is available.`
  return undefined
}
