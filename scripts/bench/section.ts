/** A part of the benchmark. Sections run one after the other, each on servers of its own. */
export interface Section {
  name: string
  /** What can be picked inside it by `--only`. */
  parts?: string[]
  run(options: Options): Promise<Outcome>
}

export interface Options {
  rounds: number
  ms: number
  /** Part of a name; empty is everything. */
  only: string
  /** Entries of the longest history. */
  rows: number
  /** Prints what Postgres does for a page of history. */
  plans: boolean
  say: (step: string) => void
}

export interface Outcome {
  /** Tables, as bench/README.md can show them. */
  markdown: string
  ratios: Ratio[]
  /** Names of the invariants that no longer hold. */
  broken: string[]
}

export interface Ratio {
  what: string
  measured: number
  atLeast?: number
  atMost?: number
}

export const median = (numbers: number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN

export const shown = (value: number, digits: number): string =>
  Number.isFinite(value)
    ? value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
    : '-'

/** GitHub's table form; the first column is words, the others are figures. */
export function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  return [line(head), `|---|${'---:|'.repeat(head.length - 1)}`, ...rows.map(line)].join('\n')
}

export function ratioTable(ratios: Ratio[]): string {
  // With --only some are not measured.
  const rows = ratios
    .filter(({ measured }) => Number.isFinite(measured))
    .map(({ what, measured, atLeast, atMost }) => {
      const missed = measured < (atLeast ?? -Infinity) || measured > (atMost ?? Infinity)
      const target = atLeast === undefined ? (atMost === undefined ? '' : `≤ ${atMost}`) : `≥ ${atLeast}`
      return [what, shown(measured, 2), missed ? `${target}, missed` : target]
    })
  return table(['ratio', 'measured', 'target'], rows)
}
