/**
 * Values of secrets: from a file that is not committed, or from the environment as `DEPLOY_<NAME>`. Never from a variable of
 * the plain name: shells carry `AWS_…` and `RPC_URL` of other projects.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import * as z from 'zod/mini'
import { checked, readJson } from './checked-json.ts'

export interface SecretSource {
  /** JSON: `{ "NAME": "value" }`. It need not be there. */
  file: string
  env: Record<string, string | undefined>
}

/** wrangler's own variable, which means nothing else anywhere. */
const PLAIN_NAMES = ['CLOUDFLARE_API_TOKEN']

export const defaultSecretFile = (environment: string | undefined): string =>
  environment === undefined ? '.deploy.secrets.json' : `.deploy.secrets.${environment}.json`

/** @throws FileProblems where the file is no such JSON, or is committed */
export function readSecrets(
  names: readonly string[],
  { file, env }: SecretSource,
): { values: Map<string, string>; problems: string[] } {
  const problems = existsSync(file) ? openProblems(file) : []
  const inFile = existsSync(file) ? checked(file, z.record(z.string(), z.string()), readJson(file)) : {}
  const values = new Map<string, string>()
  for (const name of names) {
    const plain = PLAIN_NAMES.includes(name) ? env[name] : undefined
    const value = env[`DEPLOY_${name}`] ?? inFile[name] ?? plain
    if (value) values.set(name, value)
    else problems.push(`${name} has no value: put it into ${file}, or into the environment as DEPLOY_${name}`)
  }
  return { values, problems }
}

function openProblems(file: string): string[] {
  const isOpen = process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0
  return [
    ...(isOpen ? [`${file} can be read by others: chmod 600 ${file}`] : []),
    ...(isCommitted(file) ? [`${file} is committed: take it out of git, and change every secret in it`] : []),
  ]
}

function isCommitted(file: string): boolean {
  try {
    const path = resolve(file)
    execFileSync('git', ['ls-files', '--error-unmatch', path], { cwd: dirname(path), stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
