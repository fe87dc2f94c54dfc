/** What the developer's shell may say to the local stack. It is full of other projects' databases, keys and proxies. */
import { functionEnvNames, plainEnvNames } from './env-names.ts'

export interface Given {
  /** Variables of the functions. */
  env: Record<string, string>
  /** Those of them that came from the shell. */
  taken: string[]
  /** Variables of functions that the shell has and that were left alone. */
  ignored: string[]
}

/**
 * The functions' variables as a person gave them: plain ones by the shell, any by `--set NAME=value`, which wins.
 * @throws Error with one line when a setting is no setting, or no function reads it
 */
export function givenVariables(shell: NodeJS.ProcessEnv, settings: string[]): Given {
  const names = functionEnvNames()
  const plain = new Set(plainEnvNames())
  const set = Object.fromEntries(settings.map((setting) => parseSetting(setting, names)))
  const inShell = names.filter((name) => shell[name] !== undefined && !(name in set))
  const taken = inShell.filter((name) => plain.has(name))
  const fromShell = Object.fromEntries(taken.map((name) => [name, shell[name] ?? '']))
  return { env: { ...fromShell, ...set }, taken, ignored: inShell.filter((name) => !plain.has(name)) }
}

function parseSetting(setting: string, names: string[]): [string, string] {
  const at = setting.indexOf('=')
  const name = setting.slice(0, at)
  // The value may be a secret: what is repeated here ends before it.
  if (at < 1) throw new Error('--set takes NAME=value')
  if (!names.includes(name))
    throw new Error(`--set ${name}: no function reads it; there are ${names.join(', ')}`)
  return [name, setting.slice(at + 1)]
}
