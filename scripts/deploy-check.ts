/**
 * `npm run deploy:check`: bundles every function as `wrangler deploy` would, without a network, prints what each would
 * be given, and exits with 1 and one line for each fault.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { declaredSecrets } from './deploy-check/declared.ts'
import { bindingsOf, functionFaults, inKilobytes, pairingFaults } from './deploy-check/rules.ts'
import { bundleFunction } from './stack/bundle.ts'
import { projectRoot } from './stack/manifest.ts'
import { readWranglerConfig, type WranglerEnv } from './stack/wrangler-config.ts'

const GATEWAY = 'index'
/** Two cores are what a small machine has. */
const AT_ONCE = 2

const config = readWranglerConfig()
const envs = config.env ?? {}
const files = (await readdir(join(projectRoot, 'functions')))
  .filter((name) => name.endsWith('.ts') && name !== `${GATEWAY}.ts`)
  .map((name) => name.slice(0, -'.ts'.length))
const folder = await mkdtemp(join(tmpdir(), 'tidegate-bundles-'))

interface Line {
  function: string
  'gzip kB': string
  bindings: string
  secrets: string
}

async function check(name: string): Promise<{ line: Line; faults: string[] }> {
  const own = envs[name] ?? {}
  const { text, gzipBytes } = await bundleFunction({ env: name, outdir: join(folder, name) })
  const secrets = await declaredSecrets(join(projectRoot, 'functions', `${name}.ts`))
  return {
    line: lineOf(name, gzipBytes, own),
    faults: functionFaults({ name, text, gzipBytes, config: own, secrets }),
  }
}

const lineOf = (name: string, gzipBytes: number, config: WranglerEnv): Line => ({
  function: name,
  'gzip kB': inKilobytes(gzipBytes).padStart(6),
  bindings: bindingsOf(config).join(' ') || '-',
  secrets: config.secrets?.required?.join(' ') ?? '-',
})

async function gateway(): Promise<{ line: Line; faults: string[] }> {
  const { gzipBytes } = await bundleFunction({ outdir: join(folder, GATEWAY) })
  const { env: _functions, vars, durable_objects, triggers } = config
  return { line: lineOf('(gateway)', gzipBytes, { vars, durable_objects, triggers }), faults: [] }
}

function print(lines: Line[]): void {
  const columns = Object.keys(lines[0] ?? {}) as (keyof Line)[]
  const widths = columns.map((column) => Math.max(column.length, ...lines.map((line) => line[column].length)))
  const row = (cells: string[]) =>
    console.log(
      cells
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
  row(columns)
  for (const line of lines) row(columns.map((column) => line[column]))
}

const faults = pairingFaults(files, Object.keys(envs))
const jobs = [
  gateway,
  ...Object.keys(envs)
    .filter((name) => files.includes(name))
    .map((name) => async () => await check(name)),
]
const lines: Line[] = []
try {
  const work = async () => {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      const result = await job()
      lines.push(result.line)
      faults.push(...result.faults)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
} finally {
  await rm(folder, { recursive: true, force: true })
}
print(lines.sort((a, b) => (a.function < b.function ? -1 : 1)))
for (const fault of faults.sort()) console.error(`FAIL  ${fault}`)
console.log(faults.length === 0 ? 'every function may be deployed' : `${faults.length} faults`)
process.exit(faults.length === 0 ? 0 : 1)
