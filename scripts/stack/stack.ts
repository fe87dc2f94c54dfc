/** The whole local stack: Postgres, Neon proxy, KMS stand-in, chain with vault, and all functions behind one origin. */
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { toUnits } from '../../functions/_lib/amount.ts'
import { migrateDatabase } from '../../db/operate/migrate.ts'
import { startChain, type LocalChain } from './chain.ts'
import { explainReserve, putTokens, setRolePasswords, type TokenSeed } from './database.ts'
import { VAULT_RESERVE } from './deploy.ts'
import { envFileText } from './env-file.ts'
import { freePort, portFault, startGateway, type Gateway } from './gateway.ts'
import { claimFolder, refuseClaimed } from './folder-claim.ts'
import { startKms, type LocalKms } from './kms.ts'
import { writeLocalConfig, type Rates } from './local-config.ts'
import { localSecrets, projectRoot, writePrivate, type LocalSecrets, type Manifest } from './manifest.ts'
import { startNeonProxy, type NeonProxy } from './neon-proxy.ts'
import { forgetPostgres, startPostgres, type LocalPostgres } from './postgres.ts'
import { startRpcProxy, type RpcProxy } from './rpc-proxy.ts'

export interface StackOptions {
  /** Where data, logs and the manifest live. */
  folder: string
  /** Of the functions' origin; 0 takes any free one. */
  port: number
  /** Variables of the functions that win over the local ones. */
  env?: Record<string, string>
  /** Rate limits that win over the generous ones of a local stack. */
  rates?: Rates
  /** Leaves the functions out: for benchmarks that run them another way. */
  withoutGateway?: boolean
  /** See `GatewayOptions`: runs this bundle instead of `wrangler dev`. */
  bundle?: string
  /** Called with each step as it is done. */
  onStep?: (step: string) => void
}

export interface Stack {
  manifest: Manifest
  postgres: LocalPostgres
  proxy: NeonProxy
  kms: LocalKms
  chain: LocalChain
  /** What the functions reach the chain through, so that its faults can be played. */
  rpc: RpcProxy
  /** The functions' variables as they run. */
  env: Record<string, string>
  gateway: Gateway | undefined
  /** Stops and starts the functions, with other variables when given. */
  restartGateway(env?: Record<string, string>): Promise<void>
  stop(): Promise<void>
}

const DATABASE = 'tidegate'

/** @throws Error with one line a person can act on */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { folder } = options
  const say = options.onStep ?? (() => {})
  const stops = [await claimFolder(folder)]
  const stopAll = async () => {
    for (const stop of stops.splice(0).reverse()) await stop()
  }
  try {
    const port = options.port === 0 ? await freePort() : options.port
    const fault = options.withoutGateway ? undefined : await portFault(port)
    if (fault !== undefined) throw new Error(fault)
    stops.push(async () => await rm(join(folder, 'dev.json'), { force: true }))
    const secrets = await localSecrets(folder)
    const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), log: say })
    stops.push(() => postgres.stop())
    say(`Postgres ${postgres.port}`)
    const proxy = await startNeonProxy({ postgresHost: '127.0.0.1', postgresPort: postgres.port })
    stops.push(() => proxy.stop())
    say(`Neon proxy ${proxy.port}`)
    const kms = await startKms({ keyFile: join(folder, 'kms.key') })
    stops.push(() => kms.close())
    say(`KMS stand-in ${kms.url}, signer ${kms.address}`)
    const chainLog = createWriteStream(join(folder, 'chain.log'), { flags: 'a' })
    const chain = await startChain({
      signerAddress: kms.address,
      stateFile: join(folder, 'chain.json'),
      log: (line) => chainLog.write(line + '\n'),
    })
    stops.push(async () => {
      await chain.stop()
      chainLog.end()
    })
    const rpc = await startRpcProxy({ target: chain.rpcUrl })
    stops.push(() => rpc.stop())
    say(`chain ${chain.rpcUrl}, vault ${chain.vault}`)

    await postgres.createDatabase(DATABASE)
    const ownerUrl = postgres.ownerUrl(DATABASE)
    const applied = await migrateDatabase(ownerUrl).catch((error: unknown) => {
      const said = String((error as Error).cause ?? error).split('\n')[0]
      throw new Error(
        `the database in ${folder} cannot be brought up to date (${said}): \`npm run dev -- --reset\` starts clean`,
      )
    })
    await setRolePasswords(ownerUrl, {
      tidegate_edge: secrets.edgePassword,
      tidegate_admin: secrets.adminPassword,
      tidegate_settle: secrets.settlePassword,
    })
    await putTokens(ownerUrl, localTokens(chain))
    const reserve = Object.values(chain.tokens).map(({ address, decimals }) => ({
      contract: address,
      inWei: toUnits(VAULT_RESERVE, decimals),
    }))
    await explainReserve(ownerUrl, { ...chain, why: 'the reserve of the local vault, minted to it' }, reserve)
    say(
      applied.migrations.length > 0
        ? `database: ${applied.migrations.length} migrations and the verbs applied`
        : `database: ${applied.verbs.length > 0 ? 'verbs renewed' : 'up to date'}, data kept`,
    )

    const manifest = manifestOf(port, secrets, { postgres, proxy, kms, chain })
    const env = { ...localEnv(manifest, secrets, kms, rpc), ...options.env }
    Object.assign(manifest, keysOf(env))
    const stack: Stack = {
      manifest,
      postgres,
      proxy,
      kms,
      chain,
      rpc,
      env,
      gateway: undefined,
      async restartGateway(env = {}) {
        await stack.gateway?.stop()
        stack.env = { ...stack.env, ...env }
        stack.gateway = await gateway(options, port, stack.env)
      },
      stop: stopAll,
    }
    if (!options.withoutGateway) {
      stops.push(async () => await stack.gateway?.stop())
      await stack.restartGateway()
      say(`functions ${manifest.baseUrl}`)
    }
    await writePrivate(join(folder, 'dev.json'), JSON.stringify(manifest, null, 2))
    return stack
  } catch (error) {
    await stopAll()
    throw error
  }
}

/**
 * Forgets all data of a stack that is not running.
 * @throws Error with one line when it runs
 */
export async function forgetStack(folder: string): Promise<void> {
  await refuseClaimed(folder)
  await forgetPostgres(join(folder, 'postgres'))
  await rm(folder, { recursive: true, force: true })
}

async function gateway(
  { folder, bundle, rates }: StackOptions,
  port: number,
  env: Record<string, string>,
): Promise<Gateway> {
  const envFile = join(folder, 'functions.env')
  await writePrivate(envFile, envFileText(env))
  return await startGateway({
    root: projectRoot,
    port,
    config: await writeLocalConfig(folder, rates),
    envFile,
    persistTo: join(folder, 'wrangler'),
    logFile: join(folder, 'functions.log'),
    bundle,
  })
}

type Parts = Pick<Stack, 'postgres' | 'proxy' | 'kms' | 'chain'>

function manifestOf(port: number, secrets: LocalSecrets, { postgres, proxy, kms, chain }: Parts): Manifest {
  const viaProxy = (role: string, password: string) =>
    `postgresql://${role}:${password}@127.0.0.1:${proxy.port}/${DATABASE}`
  const origin = `http://127.0.0.1:${port}`
  return {
    baseUrl: `${origin}/api/v1`,
    wsUrl: `ws://127.0.0.1:${port}/ws`,
    databaseUrl: postgres.ownerUrl(DATABASE),
    edgeDatabaseUrl: viaProxy('tidegate_edge', secrets.edgePassword),
    adminDatabaseUrl: viaProxy('tidegate_admin', secrets.adminPassword),
    settleDatabaseUrl: viaProxy('tidegate_settle', secrets.settlePassword),
    neonProxyUrl: `http://127.0.0.1:${proxy.port}`,
    adminApiKey: secrets.adminApiKey,
    sessionKeys: { JWT_SECRET: secrets.jwtSecret },
    accounts: chain.accounts,
    rpcUrl: chain.rpcUrl,
    chainId: chain.chainId,
    vault: chain.vault,
    tokens: chain.tokens,
    kmsUrl: kms.url,
    kmsKeyId: kms.keyId,
    signerAddress: kms.address,
    settleUrl: `${origin}/cdn-cgi/local/scheduled?cron=*+*+*+*+*`,
  }
}

/** Keys as the functions really have them: another may have been given. */
function keysOf(env: Record<string, string>): Pick<Manifest, 'adminApiKey' | 'sessionKeys'> {
  const { ADMIN_API_KEY = '', JWT_SECRET, JWT_PRIVATE_KEY } = env
  return {
    adminApiKey: ADMIN_API_KEY,
    sessionKeys: { ...(JWT_SECRET && { JWT_SECRET }), ...(JWT_PRIVATE_KEY && { JWT_PRIVATE_KEY }) },
  }
}

/** Variables of all functions, as the README's configuration table lists them. */
function localEnv(
  manifest: Manifest,
  secrets: LocalSecrets,
  kms: LocalKms,
  rpc: RpcProxy,
): Record<string, string> {
  return {
    DATABASE_URL: manifest.edgeDatabaseUrl,
    ADMIN_DATABASE_URL: manifest.adminDatabaseUrl,
    SETTLE_DATABASE_URL: manifest.settleDatabaseUrl,
    JWT_SECRET: secrets.jwtSecret,
    ADMIN_API_KEY: secrets.adminApiKey,
    TESTNET_ONLY: 'true',
    SPOT_ENABLED: 'true',
    CORS_ORIGINS: '*',
    CHAIN_ID: String(manifest.chainId),
    VAULT_ADDRESS: manifest.vault,
    RPC_URL: rpc.url,
    AWS_REGION: kms.region,
    AWS_ACCESS_KEY_ID: kms.accessKeyId,
    AWS_SECRET_ACCESS_KEY: kms.secretAccessKey,
    KMS_ENDPOINT: kms.url,
    KMS_KEY_ID: kms.keyId,
    SIGNER_ADDRESS: kms.address,
  }
}

export function localTokens(chain: Pick<LocalChain, 'chainId' | 'tokens'>): TokenSeed[] {
  const onChain = (
    symbol: 'DF' | 'USDT',
    rest: Pick<TokenSeed, 'transferable' | 'withdrawable'>,
  ): TokenSeed => ({
    symbol,
    decimals: chain.tokens[symbol].decimals,
    chainId: chain.chainId,
    contract: chain.tokens[symbol].address,
    minWithdraw: '1',
    ...rest,
  })
  return [
    onChain('DF', { transferable: false, withdrawable: true }),
    onChain('USDT', { transferable: true, withdrawable: false }),
    // Not on the local chain: for wallet-signed transfers between subaccounts.
    {
      symbol: 'SOL',
      decimals: 9,
      chainId: null,
      contract: null,
      transferable: false,
      withdrawable: false,
      minWithdraw: '0',
    },
  ]
}
