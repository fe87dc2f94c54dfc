/** A deployment that costs nothing: Postgres, KMS and chain of the local stack, and a stand-in for Cloudflare to deploy to. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCloudflare, type CloudflareStandIn } from './cloudflare/stand-in.ts'
import { projectRoot } from './manifest.ts'
import { startStack, type Stack } from './stack.ts'

export interface Rehearsal {
  stack: Stack
  cloudflare: CloudflareStandIn
  host: string
  /** The file of settings, to be changed, and the secrets beside it. */
  settings: Record<string, unknown>
  secrets: Record<string, string>
  folder: string
  /** Runs `npm run deploy -- --config …` with more options. */
  deploy(...options: string[]): Promise<{ code: number; output: string }>
  stop(): Promise<void>
}

const HOST = 'api.tidegate.example'

export async function startRehearsal({
  allZones = false,
  onOutput = (_chunk: string): void => {},
} = {}): Promise<Rehearsal> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-rehearsal-'))
  const stack = await startStack({ folder: join(folder, 'stack'), port: 0, withoutGateway: true })
  const zones = [{ name: 'tidegate.example', hosts: [HOST, `staging.${HOST}`] }]
  const cloudflare = await startCloudflare({ zones, folder: join(folder, 'cloudflare'), allZones, onOutput })
  const rehearsal: Rehearsal = {
    stack,
    cloudflare,
    host: HOST,
    folder,
    settings: settingsOf(stack, cloudflare),
    secrets: secretsOf(stack, cloudflare),
    async deploy(...options) {
      const config = join(folder, 'deploy.json')
      const secrets = join(folder, 'secrets.json')
      await writeFile(config, JSON.stringify(rehearsal.settings))
      await writeFile(secrets, JSON.stringify(rehearsal.secrets), { mode: 0o600 })
      return await deployCommand(cloudflare, ['--config', config, '--secrets', secrets, ...options], onOutput)
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
  return {
    account: account.id,
    zone: account.zones[0]?.id,
    host: HOST,
    chain: { id: manifest.chainId, vault: manifest.vault, vaultDeployBlock: 0 },
    signer: { region: env.AWS_REGION, keyId: env.KMS_KEY_ID, address: manifest.signerAddress },
    pooledHost: `127.0.0.1:${proxy.port}`,
    variables: {
      TESTNET_ONLY: 'true',
      SPOT_ENABLED: 'true',
      KMS_ENDPOINT: env.KMS_ENDPOINT,
      ...Object.fromEntries(
        ['CONFIRMATIONS', 'FINALITY'].flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
      ),
    },
    secrets: ['JWT_SECRET', 'ADMIN_API_KEY', 'RPC_URL', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
    environments: { staging: { host: `staging.${HOST}`, rateLimitOffset: 1000 } },
  }
}

function secretsOf({ env, manifest }: Stack, { token }: CloudflareStandIn): Record<string, string> {
  const of = (name: string): string => env[name] ?? ''
  return {
    CLOUDFLARE_API_TOKEN: token,
    OWNER_DATABASE_URL: manifest.databaseUrl,
    DEPLOY_KEY: `rehearsal-${of('JWT_SECRET')}`,
    JWT_SECRET: of('JWT_SECRET'),
    ADMIN_API_KEY: of('ADMIN_API_KEY'),
    RPC_URL: of('RPC_URL'),
    AWS_ACCESS_KEY_ID: of('AWS_ACCESS_KEY_ID'),
    AWS_SECRET_ACCESS_KEY: of('AWS_SECRET_ACCESS_KEY'),
  }
}

async function deployCommand(
  cloudflare: CloudflareStandIn,
  options: string[],
  onOutput: (chunk: string) => void,
): Promise<{ code: number; output: string }> {
  const { PATH = '' } = process.env
  // A person's proxy or keys have no business here.
  const env = { PATH, HOME: tmpdir(), CLOUDFLARE_API_BASE_URL: cloudflare.api.url }
  const args = ['--import', 'tsx', 'scripts/deploy.ts', '--connect-to', cloudflare.edgeUrl, ...options]
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
