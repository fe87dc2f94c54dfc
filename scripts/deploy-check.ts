/**
 * `npm run deploy:check [-- <function>…]`: bundles every function, or the gateway and the named ones, as `wrangler deploy` would,
 * without a network and with canaries for secrets, prints what each would be given, and exits with 1 and one line for each fault.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RATES, type RateName } from '../functions/_lib/limits.ts'
import { plantCanaries, searchFolder, type Search } from './deploy-check/canaries.ts'
import { declaredBy } from './deploy-check/declared.ts'
import { rateFaults } from './deploy-check/rates.ts'
import { bindingsOf, functionFaults, inKilobytes, pairingFaults } from './deploy-check/rules.ts'
import { sharedFaults, uploadFaults } from './deploy-check/upload.ts'
import { bundleFunction, type Bundle } from './stack/bundle.ts'
import { argumentsOrExit } from './stack/command.ts'
import { projectRoot } from './stack/manifest.ts'
import { exportsOf } from './stack/module-exports.ts'
import { readWranglerConfig, resolvedConfig, type ResolvedConfig } from './stack/wrangler-config.ts'

const { words: named } = argumentsOrExit({
  usage: 'usage: npm run deploy:check -- [<function> …]',
  words: [0, 99],
})
const GATEWAY = 'index'
/** Two cores are what a small machine has. */
const AT_ONCE = 2

const envs = Object.keys(readWranglerConfig().env ?? {})
const files = (await readdir(join(projectRoot, 'functions')))
  .filter((name) => name.endsWith('.ts') && name !== `${GATEWAY}.ts`)
  .map((name) => name.slice(0, -'.ts'.length))
const names = envs.filter((name) => files.includes(name))
for (const name of named)
  if (!names.includes(name)) {
    console.error(`${name}: there is no function with this file and an [env] in wrangler.toml`)
    process.exit(2)
  }
const chosen = named.length > 0 ? names.filter((name) => named.includes(name)) : names
const folder = await mkdtemp(join(tmpdir(), 'tidegate-bundles-'))
/** All that comes out of the builds: the bundles with their source maps, and wrangler's output. */
const made = join(folder, 'made')

interface Line {
  function: string
  'gzip kB': string
  bindings: string
  secrets: string
}

interface Checked {
  line: Line
  faults: string[]
}

const bundle = async (name: string, env?: string): Promise<Bundle> =>
  await bundleFunction({ env, outdir: join(made, name), config: planted.config })

async function check(name: string): Promise<Checked> {
  const config = resolved.get(name) as ResolvedConfig
  const { text, gzipBytes } = await bundle(name, name)
  const { secrets, rates, scheduled } = await declaredBy(join(projectRoot, 'functions', `${name}.ts`))
  const upload = { name, config, exports: await exportsOf(text), scheduled }
  return {
    line: lineOf(name, gzipBytes, config),
    faults: [
      ...functionFaults({ name, text, gzipBytes, config, secrets, rates }),
      ...uploadFaults(upload, [...resolved.values()]),
    ],
  }
}

const lineOf = (name: string, gzipBytes: number, config: ResolvedConfig): Line => ({
  function: name,
  'gzip kB': inKilobytes(gzipBytes).padStart(6),
  bindings: bindingsOf(config).join(' ') || '-',
  secrets: config.secrets?.required?.join(' ') || '-',
})

async function gateway(): Promise<Checked> {
  const name = '(gateway)'
  const config = resolvedConfig()
  const { text, gzipBytes } = await bundle(GATEWAY)
  const { scheduled } = await declaredBy(join(projectRoot, 'functions', `${GATEWAY}.ts`))
  const upload = { name, config, exports: await exportsOf(text), scheduled }
  const rates = rateFaults(config.ratelimits, Object.keys(RATES) as RateName[])
  return {
    line: lineOf(name, gzipBytes, config),
    faults: [...uploadFaults(upload, [config]), ...rates.map((fault) => `${name}: ${fault}`)],
  }
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

const resolved = new Map(names.map((name) => [name, resolvedConfig(name)]))
const faults = [...pairingFaults(files, envs), ...sharedFaults([...resolved.values()])]
const planted = await plantCanaries(join(folder, 'project'), envs)
// Every wrangler below inherits them: it writes all that it prints to the log, too.
Object.assign(process.env, planted.env, { WRANGLER_LOG_PATH: join(made, 'output') })
const jobs = [gateway, ...chosen.map((name) => async () => await check(name))]
const lines: Line[] = []
let search: Search
try {
  const work = async () => {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      const result = await job()
      lines.push(result.line)
      faults.push(...result.faults)
      console.error(`${lines.length}/${chosen.length + 1} bundled: ${result.line.function}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  search = await searchMade([GATEWAY, ...chosen])
} finally {
  await rm(folder, { recursive: true, force: true })
}
faults.push(...search.faults)
print(lines.sort((a, b) => (a.function < b.function ? -1 : 1)))
for (const fault of faults.sort()) console.error(`FAIL  ${fault}`)
console.log(`looked for the values of ${planted.marks.size} secrets in ${search.files.length} files`)
const which = named.length > 0 ? 'these functions' : 'every function'
console.log(faults.length === 0 ? `${which} may be deployed` : `${faults.length} faults`)
process.exit(faults.length === 0 ? 0 : 1)
