/** A deployment that costs nothing: Postgres, KMS and chain of the local stack, and a stand-in for Cloudflare to deploy to. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EVERY_SECRET } from '../deploy-check/secrets.ts'
import { JOB_OF } from '../deploy/settings.ts'
import { plainVariables } from '../deploy/values.ts'
import { startCloudflare, type CloudflareStandIn } from './cloudflare/stand-in.ts'
import { projectRoot } from './manifest.ts'
import { localTokens } from './stack-env.ts'
import { startStack, type Stack } from './stack.ts'

export interface Rehearsal {
  stack: Stack
  /** The owner's connection string of the database that is deployed to. */
  databaseUrl: string
  cloudflare: CloudflareStandIn
  host: string
  /** The file of settings, to be changed, and the secrets beside it. */
  settings: Record<string, unknown>
  secrets: Record<string, string>
  folder: string
  /** Further variables of the shell that the command runs in. */
  shell: Record<string, string>
  /** What the deployed Workers logged last. */
  workerLog(): string
  /** Settings and secrets as they are now. */
  writeFiles(): Promise<{ file: string; secretFile: string }>
  /** Runs `npm run deploy -- --config …` with more options. */
  deploy(...options: string[]): Promise<{ code: number; output: string }>
  stop(): Promise<void>
}

const HOST = 'api.tidegate.example'
const DATABASE = 'deployed'
const LOG_CHARS_MAX = 20_000

export async function startRehearsal({
  allZones = false,
  onOutput = (_chunk: string): void => {},
} = {}): Promise<Rehearsal> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-rehearsal-'))
  const stack = await startStack({ folder: join(folder, 'stack'), port: 0, withoutGateway: true })
  let log = ''
  const keep = (chunk: string): void => void (log = (log + chunk).slice(-LOG_CHARS_MAX))
  const zones = [{ name: 'tidegate.example', hosts: [HOST, `staging.${HOST}`] }]
  const cloudflare = await startCloudflare({
    zones,
    folder: join(folder, 'cloudflare'),
    allZones,
    onOutput: keep,
  })
  // Empty: the deployment migrates it.
  await stack.postgres.createDatabase(DATABASE)
  const databaseUrl = stack.postgres.ownerUrl(DATABASE)
  const tokens = join(folder, 'tokens.json')
  await writeFile(tokens, JSON.stringify(localTokens(stack.chain)))
  const rehearsal: Rehearsal = {
    stack,
    databaseUrl,
    cloudflare,
    host: HOST,
    folder,
    shell: {},
    settings: { ...settingsOf(stack, cloudflare), tokens },
    secrets: secretsOf(stack, cloudflare, databaseUrl),
    workerLog: () => log,
    async writeFiles() {
      const files = { file: join(folder, 'deploy.json'), secretFile: join(folder, 'secrets.json') }
      await writeFile(files.file, JSON.stringify(rehearsal.settings))
      await writeFile(files.secretFile, JSON.stringify(rehearsal.secrets), { mode: 0o600 })
      return files
    },
    async deploy(...options) {
      const { file, secretFile } = await rehearsal.writeFiles()
      const named = ['--config', file, '--secrets', secretFile]
      return await deployCommand(cloudflare, [...named, ...options], onOutput, rehearsal.shell)
    },
    async stop() {
      await cloudflare.stop()
      await stack.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
  return rehearsal
}

function settingsOf(
  { env, manifest, proxy }: Stack,
  { account }: CloudflareStandIn,
): Record<string, unknown> {
  const of = (name: string): string => env[name] ?? ''
  const settings = {
    account: account.id,
    zone: account.zones[0]?.id,
    host: HOST,
    chain: { id: manifest.chainId, vault: manifest.vault, vaultDeployBlock: 0 },
    signer: { region: of('AWS_REGION'), keyId: of('KMS_KEY_ID'), address: manifest.signerAddress },
    pooledHost: `127.0.0.1:${proxy.port}`,
    environments: { staging: { host: `staging.${HOST}`, rateLimitOffset: 1000 } },
  }
  const placed = plainVariables({ ...settings, variables: {} })
  const plain = Object.entries(env).filter(([name]) => !(name in placed) && !EVERY_SECRET.includes(name))
  return { ...settings, variables: Object.fromEntries(plain), secrets: Object.keys(functionSecrets(env)) }
}

/** Those whose values a person gives; connection strings are made. */
const functionSecrets = (env: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(env).filter(([name]) => EVERY_SECRET.includes(name) && !(name in JOB_OF)))

const secretsOf = (
  { env }: Stack,
  { token }: CloudflareStandIn,
  databaseUrl: string,
): Record<string, string> => ({
  CLOUDFLARE_API_TOKEN: token,
  OWNER_DATABASE_URL: databaseUrl,
  DEPLOY_KEY: randomBytes(32).toString('hex'),
  ...functionSecrets(env),
})

async function deployCommand(
  cloudflare: CloudflareStandIn,
  options: string[],
  onOutput: (chunk: string) => void,
  shell: Record<string, string>,
): Promise<{ code: number; output: string }> {
  const { PATH = '' } = process.env
  // A person's proxy or keys have no business here.
  const env = { PATH, HOME: tmpdir(), ...shell }
  const places = ['--cloudflare-api', cloudflare.api.url, '--connect-to', cloudflare.edgeUrl]
  const args = ['--import', 'tsx', 'scripts/deploy.ts', ...places, ...options]
  const child = spawn(process.execPath, args, { cwd: projectRoot, stdio: ['ignore', 'pipe', 'pipe'], env })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += String(chunk)
      onOutput(String(chunk))
    })
  }
  const code = await new Promise<number>((resolve) => child.once('close', (end) => resolve(end ?? -1)))
  return { code, output }
}
