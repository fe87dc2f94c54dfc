/**
 * `npm run deploy:check`: bundles every function as `wrangler deploy` would, without a network and with canaries for
 * secrets, prints what each would be given, and exits with 1 and one line for each fault.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { plantCanaries, searchFolder, type Search } from './deploy-check/canaries.ts'
import { declaredSecrets } from './deploy-check/declared.ts'
import { bindingsOf, functionFaults, inKilobytes, pairingFaults } from './deploy-check/rules.ts'
import { bundleFunction, type Bundle } from './stack/bundle.ts'
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
/** All that comes out of the builds: the bundles with their source maps, and wrangler's output. */
const made = join(folder, 'made')

interface Line {
  function: string
  'gzip kB': string
  bindings: string
  secrets: string
}

const bundle = async (name: string, env?: string): Promise<Bundle> =>
  await bundleFunction({ env, outdir: join(made, name), config: planted.config })

async function check(name: string): Promise<{ line: Line; faults: string[] }> {
  const own = envs[name] ?? {}
  const { text, gzipBytes } = await bundle(name, name)
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
  const { gzipBytes } = await bundle(GATEWAY)
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

/** Looks for the canaries in everything that was made. @throws when some of it is not there to be looked through */
async function searchMade(names: string[]): Promise<Search> {
  const search = await searchFolder(made, planted.marks)
  for (const name of names) {
    const map = join(made, name, `${name}.js.map`)
    if (!existsSync(map)) throw new Error(`wrangler wrote no source map for ${name}`)
  }
  const logs = search.files.filter((path) => path.endsWith('.log'))
  const output = await Promise.all(logs.map(async (path) => await readFile(join(made, path), 'utf8')))
  const uploads = output.join('\n').match(/^Total Upload: /gm)?.length ?? 0
  if (uploads !== names.length) throw new Error(`of ${names.length} builds ${uploads} left their output`)
  return search
}

const names = Object.keys(envs).filter((name) => files.includes(name))
const faults = pairingFaults(files, Object.keys(envs))
const planted = await plantCanaries(join(folder, 'project'), Object.keys(envs))
// Every wrangler below inherits them: it writes all that it prints to the log, too.
Object.assign(process.env, planted.env, { WRANGLER_LOG_PATH: join(made, 'output') })
const jobs = [gateway, ...names.map((name) => async () => await check(name))]
const lines: Line[] = []
let search: Search
try {
  const work = async () => {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      const result = await job()
      lines.push(result.line)
      faults.push(...result.faults)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  search = await searchMade([GATEWAY, ...names])
} finally {
  await rm(folder, { recursive: true, force: true })
}
faults.push(...search.faults)
print(lines.sort((a, b) => (a.function < b.function ? -1 : 1)))
for (const fault of faults.sort()) console.error(`FAIL  ${fault}`)
console.log(`looked for the values of ${planted.marks.size} secrets in ${search.files.length} files`)
console.log(faults.length === 0 ? 'every function may be deployed' : `${faults.length} faults`)
process.exit(faults.length === 0 ? 0 : 1)
