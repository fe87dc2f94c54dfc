/**
 * `npm run mutants`: plants one fault after the other in a copy of the project and runs the tests that must notice it.
 *
 *   --only <text>      areas or single faults (`settle`, `settle-07`) whose name begins so; several with commas
 *   --sample <n>       n faults, drawn by the hash of the commit (or `--seed <text>`): the same commit draws the same
 *   --first <n>        begin with the n-th of the selection: for going on after a break
 *   --workers <n>      that many at once, 2 without it
 *   --green            the tests have just passed as they stand, and are not run without a fault first
 *
 * Prints caught and missed by area. Exit 1 when a fault was missed or could not be planted.
 */
import '../../scripts/stack/forget-shell.ts'
import { readFileSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { AREAS } from './areas.ts'
import { seedIn } from '../support/seed.ts'
import { copyOfProject, git, root, temporaryFolder } from './copy.ts'
import { nameOf, planted, type Fault } from './fault.ts'
import { endAll, failures, type Failed } from './judge.ts'

/** `broken`: the fault stops the database from being set up at all, so that nothing was shown about any test. */
type Verdict = 'caught' | 'missed' | 'broken'

interface Named {
  name: string
  area: string
  fault: Fault
}
interface Judged extends Named {
  verdict: Verdict
}

const ALL: Named[] = AREAS.flatMap((area) =>
  area.faults.map((fault, index) => ({ name: nameOf(area.name, index), area: area.name, fault })),
)

/** In an order that the seed alone decides. */
function drawn(faults: Named[], count: number, seed: string): Named[] {
  const keyOf = ({ name }: Named) => createHash('sha256').update(`${seed} ${name}`).digest('hex')
  return [...faults].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)).slice(0, count)
}

const told = ({ file, test, said }: Failed): string =>
  file === undefined ? (test ?? 'nothing started') : `${file}: ${test ?? `as a whole: ${said}`}`

async function judged(copy: string, seed: string, { fault, ...named }: Named): Promise<Judged> {
  const path = join(copy, fault.file)
  const text = readFileSync(path, 'utf8')
  const since = Date.now()
  try {
    writeFileSync(path, planted(text, fault))
    const [failed] = await failures(copy, seed, fault.tests)
    const unset = failed && !failed.file && !failed.test && fault.file.endsWith('.sql')
    const verdict: Verdict = !failed ? 'missed' : unset ? 'broken' : 'caught'
    const seconds = Math.round((Date.now() - since) / 1_000)
    console.log(
      `${named.name.padEnd(14)} ${verdict} ${String(seconds).padStart(4)} s  ${failed ? told(failed) : ''}`,
    )
    if (verdict !== 'caught')
      console.log(
        `    ${fault.file}: ${fault.why}\n- ${fault.from}\n+ ${fault.to}`.replaceAll('\n', '\n    '),
      )
    return { ...named, fault, verdict }
  } finally {
    writeFileSync(path, text)
  }
}

function report(results: Judged[]): void {
  const areas = [...new Set(results.map(({ area }) => area))].sort()
  console.log(`\n${'area'.padEnd(16)}planted  caught  missed`)
  for (const area of areas) {
    const ofArea = results.filter((each) => each.area === area)
    const caught = ofArea.filter(({ verdict }) => verdict === 'caught').length
    const columns = [ofArea.length, caught, ofArea.length - caught]
    console.log(area.padEnd(16) + columns.map((n) => String(n).padStart(7)).join(' '))
  }
  const caught = results.filter(({ verdict }) => verdict === 'caught').length
  const share = ((caught / results.length) * 100).toFixed(1)
  console.log(`\n${caught} of ${results.length} planted faults caught (${share} %)`)
}

/** A test that fails anyway would catch everything. */
async function checkGreen(copy: string, seed: string, chosen: Named[]): Promise<void> {
  const tests = [...new Set(chosen.flatMap(({ fault }) => fault.tests))]
  console.log(`${chosen.length} faults; without any, ${tests.length} test files:`)
  const failed = await failures(copy, seed, tests, true)
  if (failed.length > 0)
    throw new Error(['these fail without a fault, mend that first:', ...failed.map(told)].join('\n  '))
}

function choose(only: string | undefined, sample: string | undefined, seed: string | undefined): Named[] {
  const names = (only ?? '').split(',')
  const chosen = ALL.filter(({ name }) => names.some((start) => name.startsWith(start)))
  if (sample === undefined) return chosen
  return drawn(chosen, Number(sample), seed ?? git('rev-parse', 'HEAD').trim())
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      sample: { type: 'string' },
      seed: { type: 'string' },
      first: { type: 'string' },
      workers: { type: 'string' },
      green: { type: 'boolean' },
    },
  })
  const chosen = choose(values.only, values.sample, values.seed).slice(Number(values.first ?? 1) - 1)
  if (chosen.length === 0) throw new Error('no planted fault has that name')
  // Each is tried on what is on disk now: a list that no longer fits is told before an hour of tests.
  for (const { fault } of chosen) planted(readFileSync(join(root, fault.file), 'utf8'), fault)

  const copies = Array.from({ length: Number(values.workers ?? 2) }, copyOfProject)
  const seed = await seedIn(temporaryFolder())
  if (!values.green) await checkGreen(copies[0]!, seed, chosen)
  const waiting = [...chosen]
  const results: Judged[] = []
  const work = async (copy: string) => {
    for (let next = waiting.shift(); next; next = waiting.shift())
      results.push(await judged(copy, seed, next))
  }
  await Promise.all(copies.map(work))
  report(results)
  return results.every(({ verdict }) => verdict === 'caught')
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => {
    endAll()
    process.exit(code)
  })
try {
  process.exitCode = (await main()) ? 0 : 1
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
