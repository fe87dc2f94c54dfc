import type { Measured } from './driver.ts'
import { median, shown, table, type Ratio } from './section.ts'
import type { Variant } from './variants.ts'

/** `variant|delay` → one measurement for each round. */
export type Results = Map<string, Measured[]>

/** The median of a figure over the rounds. */
export const of = (
  results: Results,
  variant: string,
  delayMs: number,
  figure: 'perSecond' | 'p50' | 'p95' | 'driverCpu',
): number => median((results.get(`${variant}|${delayMs}`) ?? []).map((run) => run[figure]))

interface Bases {
  /** What each row is compared with. */
  selectOne: string
  transfer: string
}

export function requestTable(
  connections: number,
  variants: Variant[],
  delaysMs: number[],
  results: Results,
  bases: Bases,
): string {
  const head = delaysMs.flatMap((ms) => [
    ms === 0 ? 'no delay' : `${ms} ms each way`,
    '× SELECT 1',
    '× transfer',
    'p50 / p95 ms',
  ])
  const rows = variants.map(({ name }) => [
    name,
    ...delaysMs.flatMap((ms) => {
      if (!results.has(`${name}|${ms}`)) return ['', '', '', '']
      const rate = of(results, name, ms, 'perSecond')
      return [
        shown(rate, 0),
        shown(rate / of(results, bases.selectOne, ms, 'perSecond'), 2),
        shown(rate / of(results, bases.transfer, ms, 'perSecond'), 2),
        `${shown(of(results, name, ms, 'p50'), 1)} / ${shown(of(results, name, ms, 'p95'), 1)}`,
      ]
    }),
  ])
  return table([`requests/s, ${connections} connections`, ...head], rows)
}

export function latencyTable(
  variants: Variant[],
  delaysMs: number[],
  results: Results,
  bases: Bases,
): string {
  const head = delaysMs.flatMap((ms) => [
    ms === 0 ? 'no delay' : `${ms} ms each way`,
    '× SELECT 1',
    '× transfer',
  ])
  const rows = variants.map(({ name }) => [
    name,
    ...delaysMs.flatMap((ms) => {
      const p50 = of(results, name, ms, 'p50')
      return [
        shown(p50, 2),
        shown(p50 / of(results, bases.selectOne, ms, 'p50'), 2),
        shown(p50 / of(results, bases.transfer, ms, 'p50'), 2),
      ]
    }),
  ])
  return table(['p50 ms of one client', ...head], rows)
}

/** How much of a core the driver took at most: near 1 it would be what is measured. */
export function driverShare(results: Results): Ratio {
  const shares = [...results.values()].flat().map((run) => run.driverCpu)
  return {
    what: 'driver, of one core at most',
    measured: Math.max(...shares.filter(Number.isFinite), 0),
    atMost: 0.8,
  }
}
