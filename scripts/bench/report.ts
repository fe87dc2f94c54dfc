import { signedTransfer } from './signed-transfer.ts'
import type { Measured } from './driver.ts'
import {
  interactiveDistinct,
  interactiveHot,
  selectOne,
  transferDistinct,
  transferHot,
  type Variant,
} from './variants.ts'

/** `variant|delay` → one measurement for each round. */
export type Results = Map<string, Measured[]>
export type Medians = Map<string, Measured>

const median = (numbers: number[]): number =>
  numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN

export function medians(results: Results): Medians {
  return new Map(
    [...results].map(([key, runs]) => {
      const of = (name: 'perSecond' | 'p50' | 'p95' | 'driverCpu') => median(runs.map((run) => run[name]))
      const count = runs.reduce((sum, run) => sum + run.count, 0)
      const failures = runs.reduce((sum, run) => sum + run.failures, 0)
      return [
        key,
        {
          perSecond: of('perSecond'),
          p50: of('p50'),
          p95: of('p95'),
          driverCpu: of('driverCpu'),
          count,
          failures,
          firstFailure: undefined,
        },
      ]
    }),
  )
}

const shown = (value: number, digits: number) => (Number.isFinite(value) ? value.toFixed(digits) : '-')

/** GitHub's table form: what is printed is what the README shows. */
export function printTable(variants: Variant[], delaysMs: number[], results: Medians): void {
  for (const delayMs of delaysMs) {
    const base = results.get(`${selectOne.name}|${delayMs}`)?.perSecond ?? NaN
    console.log(
      `| ${delayMs} ms each way to the database | requests/s | × SELECT 1 | p50 ms | p95 ms | driver CPU |`,
    )
    console.log('|---|---:|---:|---:|---:|---:|')
    for (const { name } of variants) {
      const one = results.get(`${name}|${delayMs}`)
      if (!one) continue
      const cells = [
        shown(one.perSecond, 0),
        shown(one.perSecond / base, 2),
        shown(one.p50, 1),
        shown(one.p95, 1),
        Number.isFinite(one.driverCpu) ? `${Math.round(one.driverCpu * 100)} %` : '-',
      ]
      console.log(`| ${name} | ${cells.join(' | ')} |`)
    }
    console.log()
  }
}

export function printLatencies(variants: Variant[], delaysMs: number[], results: Medians): void {
  console.log(`| one client, p50 ms | ${delaysMs.map((ms) => `${ms} ms each way`).join(' | ')} |`)
  console.log(`|---|${delaysMs.map(() => '---:|').join('')}`)
  for (const { name } of variants) {
    const cells = delaysMs.map((ms) => shown(results.get(`${name}|${ms}`)?.p50 ?? NaN, 2))
    console.log(`| ${name} | ${cells.join(' | ')} |`)
  }
  console.log()
}

export function printTargets(single: Medians, many: Medians): void {
  const rate = ({ name }: Variant, ms: number) => many.get(`${name}|${ms}`)?.perSecond ?? NaN
  const p50 = ({ name }: Variant, ms: number) => single.get(`${name}|${ms}`)?.p50 ?? NaN
  const lines: [what: string, measured: number, wanted: string, met: boolean][] = []
  const atLeast = (what: string, measured: number, least: number) =>
    lines.push([what, measured, `≥ ${least}`, measured >= least])
  const atMost = (what: string, measured: number, most: number) =>
    lines.push([what, measured, `≤ ${most}`, measured <= most])
  for (const ms of [0, 5])
    atMost(
      `one client: transfer / SELECT 1, p50, ${ms} ms each way`,
      p50(transferDistinct, ms) / p50(selectOne, ms),
      1.6,
    )
  for (const ms of [0, 5])
    atMost(
      `one client: signed transfer / transfer, p50, ${ms} ms each way`,
      p50(signedTransfer, ms) / p50(transferDistinct, ms),
      2,
    )
  atLeast('transfer / interactive, distinct', rate(transferDistinct, 0) / rate(interactiveDistinct, 0), 8)
  atLeast('transfer / interactive, hot, 5 ms each way', rate(transferHot, 5) / rate(interactiveHot, 5), 30)
  console.log('| ratio | measured | wanted | |\n|---|---:|---:|---|')
  // With --only some are not measured.
  for (const [what, measured, wanted, met] of lines.filter((line) => !Number.isNaN(line[1])))
    console.log(`| ${what} | ${shown(measured, 2)} | ${wanted} | ${met ? 'met' : 'MISSED'} |`)
}
