import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Abi, Hex } from 'viem'
import { apart } from './apart.ts'

export interface CompiledContract {
  abi: Abi
  bytecode: Hex
}
export type Compiled = Record<string, CompiledContract>

interface CacheFile {
  /** sha-256 of every source that went in, imports too: the entry is good while all of them are unchanged. */
  inputs: Record<string, string>
  contracts: Compiled
}
interface SolcOutput {
  errors?: { severity: string; formattedMessage: string; sourceLocation?: { file: string } }[]
  contracts?: Record<string, Record<string, { abi: Abi; evm: { bytecode: { object: string } } }>>
}
interface Solc {
  compile(
    input: string,
    callbacks: { import: (path: string) => { contents: string } | { error: string } },
  ): string
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const CACHE_DIR = join(ROOT, '.local', 'cache')
const require = createRequire(import.meta.url)

const SETTINGS = {
  optimizer: { enabled: true, runs: 1_000_000 },
  // Transient storage (the reentrancy guard) needs cancun, and every chain the vault is meant for has it.
  evmVersion: 'cancun',
  // Without the metadata hash the bytecode depends on nothing but code and compiler.
  metadata: { bytecodeHash: 'none' },
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
}

export const STACK_CONTRACTS = [
  fileURLToPath(new URL('./contracts/SpotVault.sol', import.meta.url)),
  fileURLToPath(new URL('./contracts/TestToken.sol', import.meta.url)),
]

/**
 * Compiles Solidity files and what they import from npm; contracts are returned by name.
 * A second call with the same sources is answered from `.local/cache` and never loads the compiler (9 MB, 1.6 s), which
 * runs in a process of its own.
 *
 * @throws Error with the compiler's own messages; a warning about one of `files` is an error too.
 */
export async function compileContracts(files: readonly string[] = STACK_CONTRACTS): Promise<Compiled> {
  const entries = files.map((file) => relative(ROOT, file).replaceAll('\\', '/'))
  const { version } = require('solc/package.json') as { version: string }
  const key = sha256(JSON.stringify({ entries, version, SETTINGS })).slice(0, 32)
  const cachePath = join(CACHE_DIR, `solc-${key}.json`)
  const cached = readCache(cachePath)
  if (cached !== undefined) return cached

  const fresh = await apart<CacheFile>('compile-task.ts', entries)
  mkdirSync(CACHE_DIR, { recursive: true })
  // Several test workers may compile at once: each writes its own file, and the rename is atomic.
  const temporary = `${cachePath}.${process.pid}.${Math.random().toString(36).slice(2)}`
  writeFileSync(temporary, JSON.stringify(fresh))
  renameSync(temporary, cachePath)
  return fresh.contracts
}

/** One contract of a compilation, or an error that lists what there is. */
export function contractNamed(compiled: Compiled, name: string): CompiledContract {
  const contract = compiled[name]
  if (contract === undefined) throw new Error(`no contract ${name} among ${Object.keys(compiled).join(', ')}`)
  return contract
}

/** Compiles in this process, which can do nothing else meanwhile. */
export async function compileHere(entries: readonly string[]): Promise<CacheFile> {
  const inputs: Record<string, string> = {}
  const read = (path: string): string => {
    const text = readFileSync(resolveSource(path), 'utf8')
    inputs[path] = sha256(text)
    return text
  }
  const sources = Object.fromEntries(entries.map((entry) => [entry, { content: read(entry) }]))
  const answer = (path: string) => {
    try {
      return { contents: read(path) }
    } catch (error) {
      return { error: `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}` }
    }
  }
  const solc = await loadSolc()
  const input = JSON.stringify({ language: 'Solidity', sources, settings: SETTINGS })
  const output = JSON.parse(solc.compile(input, { import: answer })) as SolcOutput
  // A warning about a library's own line is the library's; about ours it stops the build.
  const ours = (file = '') => entries.includes(file)
  const faults = output.errors?.filter((e) => e.severity === 'error' || ours(e.sourceLocation?.file)) ?? []
  if (faults.length > 0) throw new Error(faults.map((e) => e.formattedMessage).join('\n'))
  return { inputs, contracts: collect(output, entries) }
}

async function loadSolc(): Promise<Solc> {
  // The compiler's glue code installs process-wide rejection handlers; a library has no business keeping them.
  const events = ['uncaughtException', 'unhandledRejection'] as const
  const before = events.map((event) => process.rawListeners(event))
  const { default: solc } = (await import('solc')) as { default: Solc }
  events.forEach((event, i) => {
    for (const listener of process.rawListeners(event)) {
      if (!before[i]?.includes(listener)) process.removeListener(event, listener as () => void)
    }
  })
  return solc
}

function collect(output: SolcOutput, entries: readonly string[]): Compiled {
  const all = entries.flatMap((entry) => Object.entries(output.contracts?.[entry] ?? {}))
  const compiled: Compiled = {}
  for (const [name, { abi, evm }] of all) {
    // Interfaces and abstract contracts have none.
    if (evm.bytecode.object !== '') compiled[name] = { abi, bytecode: `0x${evm.bytecode.object}` }
  }
  return compiled
}

function readCache(path: string): Compiled | undefined {
  if (!existsSync(path)) return undefined
  try {
    const { inputs, contracts } = JSON.parse(readFileSync(path, 'utf8')) as CacheFile
    const unchanged = ([source, hash]: [string, string]) =>
      sha256(readFileSync(resolveSource(source), 'utf8')) === hash
    return Object.entries(inputs).every(unchanged) ? contracts : undefined
  } catch {
    // A source that has gone, or a file cut short: compiling again repairs both.
    return undefined
  }
}

/** Entries are paths inside this repository; anything that is not there is a path inside an npm package. */
function resolveSource(path: string): string {
  const local = join(ROOT, path)
  if (existsSync(local)) return local
  const [scope = '', name = ''] = path.split('/')
  const packageName = scope.startsWith('@') ? `${scope}/${name}` : scope
  const folder = dirname(require.resolve(`${packageName}/package.json`))
  return join(folder, path.slice(packageName.length))
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
