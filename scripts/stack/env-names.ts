import * as z from 'zod/mini'
import { ENV_GROUPS } from './env-groups.ts'

/** Every variable that some function reads, and whether it is a secret. */
function functionVariables(): Map<string, { secret: boolean }> {
  const variables = new Map<string, { secret: boolean }>()
  for (const [name, schema] of ENV_GROUPS.flatMap((group) => Object.entries(group))) {
    const meta = z.globalRegistry.get(schema) as { secret?: true } | undefined
    variables.set(name, { secret: meta?.secret === true || (variables.get(name)?.secret ?? false) })
  }
  return variables
}

/** Every variable that some function reads. */
export const functionEnvNames = (): string[] => [...functionVariables().keys()].sort()

/** These say where something is or who somebody is: in a shell they are another project's. */
const ELSEWHERE = /^(AWS|KMS)_|URL|ENDPOINT|ADDRESS|CHAIN_ID|ISSUER|AUDIENCE|BLOCK/
const FIGURE = /_(SECONDS|MS)$/

/** The variables of the functions that a local stack takes from the shell: switches, figures and names. */
export function plainEnvNames(): string[] {
  const plain = (name: string, secret: boolean) => !secret && (FIGURE.test(name) || !ELSEWHERE.test(name))
  return [...functionVariables()].flatMap(([name, { secret }]) => (plain(name, secret) ? [name] : [])).sort()
}
