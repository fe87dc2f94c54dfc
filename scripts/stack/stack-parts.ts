/** Postgres, Neon proxy, KMS and chain: side by side, as far as they need each other not. */
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { toUnits } from '../../functions/_lib/money/amount.ts'
import { setPasswords } from '../../db/operate/logins.ts'
import { migrateDatabase } from '../../db/operate/migrate.ts'
import { startChain } from './chain.ts'
import { explainReserve, putTokens } from './database.ts'
import { VAULT_RESERVE } from './deploy.ts'
import { startKms } from './kms.ts'
import { localSecrets, type LocalSecrets, type Manifest } from './manifest.ts'
import { startNeonProxy } from './neon-proxy.ts'
import { startPostgres } from './postgres.ts'
import { together, type Progress } from './progress.ts'
import { startRpcProxy } from './rpc-proxy.ts'
import { DATABASE, keysOf, localEnv, localTokens, manifestOf, type Parts } from './stack-env.ts'

/** How what was started is stopped again: the last first. */
export type Stops = (() => Promise<void>)[]

export interface Fleeting {
  /** The data folder of a stopped Postgres, to begin with a copy of it. */
  copyOf: string
}

export interface PartsOptions {
  folder: string
  /** Of the functions' origin. */
  port: number
  /** Variables of the functions that win over the local ones. */
  env: Record<string, string> | undefined
  /** What is started is thrown away: see StackOptions. */
  fleeting?: Fleeting | undefined
  progress: Progress
  /** Gets what stops each part, as soon as there is something to stop. */
  stops: Stops
}

/** Everything that the functions stand on, and what they are told of it. */
export async function startParts(
  options: PartsOptions,
): Promise<Parts & { manifest: Manifest; env: Record<string, string> }> {
  const { folder, port, progress, stops, fleeting } = options
  const secrets = await localSecrets(folder)
  const [ledger, chainSide] = await together(
    startLedger(folder, secrets, progress, stops, fleeting),
    startChainSide(folder, progress, stops, fleeting),
  )
  const parts: Parts = { ...ledger, ...chainSide }
  const { chain } = parts
  const ownerUrl = ledger.postgres.ownerUrl(DATABASE)
  await putTokens(ownerUrl, localTokens(chain))
  const reserve = Object.values(chain.tokens).map(({ address, decimals }) => ({
    contract: address,
    inWei: toUnits(VAULT_RESERVE, decimals),
  }))
  await explainReserve(ownerUrl, { ...chain, why: 'the reserve of the local vault, minted to it' }, reserve)
  const manifest = manifestOf(port, secrets, parts)
  const env = { ...localEnv(manifest, secrets, parts.kms, parts.rpc), ...options.env }
  Object.assign(manifest, keysOf(env))
  return { ...parts, manifest, env }
}

async function startLedger(
  folder: string,
  secrets: LocalSecrets,
  progress: Progress,
  stops: Stops,
  fleeting: Fleeting | undefined,
) {
  const data = { dataDir: join(folder, 'postgres'), fleeting: fleeting !== undefined, ...fleeting }
  const postgres = await progress.step(
    'Postgres',
    async () => await startPostgres({ ...data, log: progress.say }),
    ({ port }) => `Postgres ${port}`,
  )
  stops.push(async () => await postgres.stop())
  const proxy = await startNeonProxy({ postgresHost: '127.0.0.1', postgresPort: postgres.port })
  stops.push(async () => await proxy.stop())
  await progress.step(
    'database',
    async () => {
      await postgres.createDatabase(DATABASE)
      const ownerUrl = postgres.ownerUrl(DATABASE)
      const applied = await migrated(ownerUrl, folder)
      await setPasswords(ownerUrl, secrets.passwords)
      return applied
    },
    ({ migrations, verbs }) =>
      migrations.length > 0
        ? `database: ${migrations.length} migrations and the verbs applied`
        : `database: ${verbs.length > 0 ? 'verbs renewed' : 'up to date'}, data kept`,
  )
  return { postgres, proxy }
}

async function migrated(ownerUrl: string, folder: string): ReturnType<typeof migrateDatabase> {
  return await migrateDatabase(ownerUrl).catch((error: unknown) => {
    const said = String((error as Error).cause ?? error).split('\n')[0]
    throw new Error(
      `the database in ${folder} cannot be brought up to date (${said}): \`npm run dev -- --reset\` starts clean`,
    )
  })
}

async function startChainSide(
  folder: string,
  progress: Progress,
  stops: Stops,
  fleeting: Fleeting | undefined,
) {
  const kms = await startKms({ keyFile: join(folder, 'kms.key') })
  stops.push(async () => await kms.close())
  const chainLog = createWriteStream(join(folder, 'chain.log'), { flags: 'a' })
  stops.push(async () => void chainLog.end())
  const start = async (port?: number) =>
    await startChain({
      signerAddress: kms.address,
      ...(fleeting === undefined && { stateFile: join(folder, 'chain.json') }),
      log: (line) => chainLog.write(line + '\n'),
      note: progress.say,
      ...(port !== undefined && { port }),
    })
  const chain = await progress.step(
    'chain and vault',
    async () => await start(),
    ({ rpcUrl, vault }) => `chain ${rpcUrl}, vault ${vault}, signer ${kms.address}`,
  )
  stops.push(async () => await chain.stop())
  const restartChain = async () => {
    if (fleeting !== undefined) throw new Error('the chain of a stack that keeps nothing cannot go on')
    await chain.stop()
    // Whoever holds the chain goes on with the one that runs.
    Object.assign(chain, await start(Number(new URL(chain.rpcUrl).port)))
  }
  const rpc = await startRpcProxy({ target: chain.rpcUrl })
  stops.push(async () => await rpc.stop())
  return { kms, chain, restartChain, rpc }
}
