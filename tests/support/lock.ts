/** package-lock.json as an installer on some system reads it. */
import type { System } from '../../scripts/stack/systems.ts'

export interface LockEntry {
  version?: string
  integrity?: string
  os?: string[]
  cpu?: string[]
  libc?: string[]
  hasInstallScript?: boolean
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}
export interface Lock {
  packages: Record<string, LockEntry>
}

/** The place of a package as Node finds it from `from`: beside it or in any folder above. */
export function placeOf(lock: Lock, name: string, from = ''): string | undefined {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const place = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`
    if (place in lock.packages) return place
    if (at === '') return undefined
  }
}

/** npm installs a package with such fields on this system; Linux is one with glibc. */
export const fits = ({ os, cpu, libc }: LockEntry, system: System): boolean =>
  (os?.includes(system.os) ?? true) &&
  (cpu?.includes(system.cpu) ?? true) &&
  (system.os !== 'linux' || (libc?.includes('glibc') ?? true))

/** Alternatives of which npm installs the one that fits: each says for which processor it is. */
function programsOf(lock: Lock, place: string): string[] {
  const names = Object.keys(lock.packages[place]?.optionalDependencies ?? {})
  const found = names.flatMap((name) => placeOf(lock, name, place) ?? [])
  return found.filter((at) => lock.packages[at]?.cpu !== undefined)
}

/** What would be missing after `npm ci` on that system: one line for each. */
export function lockFaults(lock: Lock, system: System, needed: string[]): string[] {
  const on = `on ${system.os} ${system.cpu}`
  const faults = needed.flatMap((name) => {
    const entry = lock.packages[placeOf(lock, name) ?? '']
    if (entry === undefined || !placeOf(lock, name)) return [`${name} is not locked`]
    return fits(entry, system) ? [] : [`${name} is not installed ${on}`]
  })
  for (const [place, entry] of Object.entries(lock.packages)) {
    if (!fits(entry, system)) continue
    if (place !== '' && !entry.integrity) faults.push(`${place} has no integrity`)
    for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }))
      if (placeOf(lock, name, place) === undefined)
        faults.push(`${place} asks for ${name}, which is not locked`)
    const programs = programsOf(lock, place)
    // A single one serves one system on purpose, as the image library of another's package does.
    if (programs.length > 1 && !programs.some((at) => fits(lock.packages[at]!, system)))
      faults.push(`${place} has no program ${on}`)
  }
  return faults
}
