/** Amounts of the model: integers, where the ledger has decimals. */

/** Whole tokens times 10^18. */
export type Units = bigint
export const ONE = 10n ** 18n

/** Null for what is no finite number: NaN and the infinities, which Postgres's numeric knows. */
export function unitsOf(text: string): Units | null {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text)
  if (!match) return null
  const units = BigInt(match[2]!) * ONE + BigInt((match[3] ?? '').padEnd(18, '0').slice(0, 18))
  return match[1] ? -units : units
}

export function textOf(units: Units): string {
  const fraction = String(units % ONE)
    .padStart(18, '0')
    .replace(/0+$/, '')
  return String(units / ONE) + (fraction && `.${fraction}`)
}
