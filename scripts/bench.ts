/**
 * `npm run bench -- [--seconds 3] [--rounds 3] [--only <part of a name>] [--rows 1000000] [--plans]`: what the wallet's work
 * costs beside the limit. Sections run one after the other on servers of their own; within one, what is compared takes
 * turns. Prints tables for bench/README.md; exit 1 when money is wrong at the end. Trust the ratios: figures are the machine's.
 */
import './stack/forget-shell.ts'
import { cpus, loadavg } from 'node:os'
import { ratioTable, type Ratio, type Section } from './bench/section.ts'
import { coldStart } from './bench/cold-start.ts'
import { growth } from './bench/growth.ts'
import { hostile } from './bench/hostile.ts'
import { requests } from './bench/requests.ts'
import { rowSize } from './bench/row-size.ts'
import { settleRuns } from './bench/settle.ts'
import { withdrawals } from './bench/withdrawals.ts'
import { argumentsOrExit } from './stack/command.ts'

const { values } = argumentsOrExit({
  usage:
    'usage: npm run bench -- [--seconds 3] [--rounds 3] [--only <part of a name>] [--rows 1000000] [--plans]',
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    rows: { type: 'string', default: '1000000' },
    plans: { type: 'boolean', default: false },
  },
})
const SECTIONS: Section[] = [requests, withdrawals, hostile, settleRuns, rowSize, growth, coldStart]
const chosen = SECTIONS.filter(({ name, parts = [] }) =>
  [name, ...parts].some((one) => one.includes(values.only)),
)
if (chosen.length === 0) {
  console.error(
    `no section is called ${values.only}; there are ${SECTIONS.map(({ name }) => name).join(', ')}`,
  )
  process.exit(2)
}

const startedAt = performance.now()
const say = (step: string) =>
  console.error(`${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s  ${step}`)
const ratios: Ratio[] = []
const broken: string[] = []
console.log(
  `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}, load ${(loadavg()[0] ?? 0).toFixed(1)} ` +
    `before, ${values.rounds} rounds of ${values.seconds} s, medians`,
)
for (const section of chosen) {
  say(section.name)
  const outcome = await section.run({
    rounds: Number(values.rounds),
    ms: Number(values.seconds) * 1000,
    only: values.only,
    rows: Number(values.rows),
    plans: values.plans,
    say: (step) => say(`  ${step}`),
  })
  console.log(`\n${outcome.markdown}`)
  ratios.push(...outcome.ratios)
  broken.push(...outcome.broken.map((name) => `${section.name}: ${name}`))
}
console.log(`\n${ratioTable(ratios)}`)
for (const name of broken) console.error(`FAIL  violated: ${name}`)
console.log(broken.length === 0 ? '\nthe ledger is sound' : '')
process.exit(broken.length === 0 ? 0 : 1)
