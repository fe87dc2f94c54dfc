/**
 * `npm run mutants`: plants one fault after the other in a copy of the project and runs the tests that must notice it.
 *
 *   --only <text>      areas or single faults (`settle`, `settle-07`) whose name begins so
 *   --sample <n>       n faults, drawn by the hash of the commit (or `--seed <text>`): the same commit draws the same
 *   --first <n>        begin with the n-th of the selection: for going on after a break
 *
 * Prints caught and missed by area. Exit 1 when a fault was missed or could not be planted.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { AREAS } from './areas.ts'
import { nameOf, planted, type Fault } from './fault.ts'
import { judge, type Verdict } from './judge.ts'

const root = join(import.meta.dirname, '../..')

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

const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' })

/** In an order that the seed alone decides. */
function drawn(faults: Named[], count: number, seed: string): Named[] {
  const keyOf = ({ name }: Named) => createHash('sha256').update(`${seed} ${name}`).digest('hex')
  return [...faults].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)).slice(0, count)
}

/** Every file that git knows, as it is on disk now; what is installed is shared. */
function copyOfProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-mutants-'))
  for (const file of git('ls-files', '-z', '--cached', '--others', '--exclude-standard').split('\0'))
    if (file !== '') cpSync(join(root, file), join(folder, file))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

async function judged(copy: string, named: Named): Promise<Judged> {
  const path = join(copy, named.fault.file)
  const text = readFileSync(path, 'utf8')
  try {
    writeFileSync(path, planted(text, named.fault))
    return { ...named, verdict: await judge(copy, named.fault.tests) }
  } finally {
    writeFileSync(path, text)
  }
}

function report(results: Judged[]): void {
  const areas = [...new Set(results.map(({ area }) => area))]
  const count = (area: string, verdict: Verdict) =>
    results.filter((each) => each.area === area && each.verdict === verdict).length
  console.log(`\n${'area'.padEnd(16)}planted  caught  missed`)
  for (const area of areas) {
    const planted = results.filter((each) => each.area === area).length
    const columns = [planted, count(area, 'caught') + count(area, 'did not start'), count(area, 'missed')]
    console.log(area.padEnd(16) + columns.map((n) => String(n).padStart(7)).join(' '))
  }
  const caught = results.filter(({ verdict }) => verdict !== 'missed').length
  console.log(`\n${caught} of ${results.length} planted faults caught`)
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      sample: { type: 'string' },
      seed: { type: 'string' },
      first: { type: 'string' },
    },
  })
  let chosen = ALL.filter(({ name }) => name.startsWith(values.only ?? ''))
  if (values.sample !== undefined)
    chosen = drawn(chosen, Number(values.sample), values.seed ?? git('rev-parse', 'HEAD').trim())
  if (values.first !== undefined) chosen = chosen.slice(Number(values.first) - 1)
  if (chosen.length === 0) throw new Error('no planted fault has that name')

  const copy = copyOfProject()
  const results: Judged[] = []
  try {
    const tests = [...new Set(chosen.flatMap(({ fault }) => fault.tests))]
    console.log(`${chosen.length} faults; without any, ${tests.length} test files:`)
    const before = await judge(copy, tests)
    if (before !== 'missed') throw new Error('the tests fail without a fault: mend that first')
    for (const [index, named] of chosen.entries()) {
      const result = await judged(copy, named)
      results.push(result)
      console.log(`${index + 1}/${chosen.length} ${named.name.padEnd(20)} ${result.verdict}`)
      if (result.verdict === 'missed') {
        const { file, from, to, why } = named.fault
        console.log(`    ${file}: ${why}\n    - ${from}\n    + ${to}`.replaceAll('\n', '\n    '))
      }
    }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
  report(results)
  return results.every(({ verdict }) => verdict !== 'missed')
}

try {
  process.exitCode = (await main()) ? 0 : 1
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
