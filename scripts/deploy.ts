/**
 * `npm run deploy -- --config deploy.json`: from one file to a deployed system, and from a deployed one to what the file says.
 *
 *   --plan             prints what would change, and changes nothing
 *   --only <function>  deploys that one
 *   --env <name>       one of the file's environments
 *   --single           one Worker for everything
 *   --destroy          deletes the Workers of a test environment; never those of the top of the file
 *   --secrets <file>   instead of .deploy.secrets.json
 *   --take-over <name> the environment whose database this one gets; without it a database of another is refused
 *   --connect-to <url> reaches the host there, instead of by DNS, to look whether it answers
 *   --cloudflare-api <url>  a stand-in for Cloudflare's API on this machine
 *
 * `npm run deploy -- kms` and `npm run deploy -- vault` do the steps before it: see scripts/deploy/steps.ts.
 */
import './deploy/shell.ts'
import { parseArgs } from 'node:util'
import { deploy, type DeployOptions } from './deploy/run.ts'
import { defaultSecretFile } from './deploy/secret-values.ts'
import { kms, vault } from './deploy/steps.ts'

const { env } = process
const [command, ...rest] = process.argv.slice(2)

try {
  if (command === 'kms') await kms(rest)
  else if (command === 'vault') await vault(rest, env)
  else await deploy(optionsOf(process.argv.slice(2)), env)
} catch (error) {
  console.error((error as Error).message)
  // As every command: 2 where what was typed cannot be meant.
  process.exitCode = String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS') ? 2 : 1
}

function optionsOf(args: string[]): DeployOptions {
  const { values } = parseArgs({
    args,
    options: {
      config: { type: 'string', default: 'deploy.json' },
      plan: { type: 'boolean', default: false },
      only: { type: 'string' },
      env: { type: 'string' },
      single: { type: 'boolean', default: false },
      destroy: { type: 'boolean', default: false },
      secrets: { type: 'string' },
      'connect-to': { type: 'string' },
      'cloudflare-api': { type: 'string' },
      'take-over': { type: 'string' },
    },
  })
  const { config: file, env: environment, only, plan, single, destroy } = values
  const secretFile = values.secrets ?? defaultSecretFile(environment)
  const { 'connect-to': connectTo, 'cloudflare-api': cloudflareApi, 'take-over': takeOver } = values
  return { file, environment, only, plan, single, destroy, secretFile, connectTo, cloudflareApi, takeOver }
}
