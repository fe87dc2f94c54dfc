/** Where a benchmark plays: the local stack, the bundles on raw workerd, and many accounts with balances. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { issueSession } from '../../functions/_lib/session.ts'
import { bundleFunction } from '../stack/bundle.ts'
import { localSecrets, projectRoot, type Manifest } from '../stack/manifest.ts'
import { startRawWorkerd, type RawWorker } from '../stack/raw-workerd.ts'
import { forgetStack, startStack, type Stack } from '../stack/stack.ts'
import { readWranglerConfig } from '../stack/wrangler-config.ts'

export interface Stage {
  stack: Stack
  manifest: Manifest
  /** Each with the same balance in perp margin and in the spot wallet. */
  accounts: { account: string; token: string }[]
  /** Worker → port on 127.0.0.1. */
  ports: Record<string, number>
  stop(): Promise<void>
}

export const ACCOUNTS = 2_000
const BALANCE = '1000000'

/** Account number n, from 1: SQL scripts can make the same text out of a number. */
export const accountOf = (n: number): string => '0x' + n.toString(16).padStart(40, '0')

export async function openStage(say: (step: string) => void): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-bench-'))
  const stack = await startStack({ folder, port: 0, withoutGateway: true })
  const stops: (() => Promise<void>)[] = [
    async () => await forgetStack(folder),
    async () => await stack.stop(),
  ]
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    say('stack is up')
    await fund(stack.manifest)
    say(`${ACCOUNTS} accounts have balances`)
    const workerd = await startRawWorkerd({
      folder: join(folder, 'workerd'),
      workers: await workers(stack, folder),
    })
    stops.push(async () => await workerd.stop())
    say('workerd serves the bundles')
    return { stack, manifest: stack.manifest, accounts: await signedIn(folder), ports: workerd.ports, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** By the verbs, so that the ledger is as sound as after real use; half of it goes to perp margin. */
async function fund(manifest: Manifest): Promise<void> {
  const client = new pg.Client({ connectionString: manifest.databaseUrl })
  await client.connect()
  try {
    const account = `'0x' || lpad(to_hex(n), 40, '0')`
    await client.query(
      `select ledger.credit(${account}, 'USDT', 2 * $1::numeric, 'bench', 'bench', null, null) from generate_series(1, ${ACCOUNTS}) n`,
      [BALANCE],
    )
    await client.query(
      `select ledger.transfer(${account}, 'USDT', 'spot_to_perp', $1::numeric, null, null) from generate_series(1, ${ACCOUNTS}) n`,
      [BALANCE],
    )
    await client.query('vacuum (analyze)')
  } finally {
    await client.end()
  }
}

async function signedIn(folder: string): Promise<Stage['accounts']> {
  const { jwtSecret } = await localSecrets(folder)
  const env = { JWT_SECRET: jwtSecret, JWT_TTL_SECONDS: 86_400 }
  const now = Math.floor(Date.now() / 1000)
  return await Promise.all(
    Array.from({ length: ACCOUNTS }, async (_, at) => {
      const account = accountOf(at + 1)
      return { account, token: (await issueSession(env, account, now)).token }
    }),
  )
}

async function workers({ env, manifest, proxy }: Stack, folder: string): Promise<RawWorker[]> {
  const gateway = await bundleFunction({ outdir: join(folder, 'gateway') })
  const main = join(projectRoot, 'scripts/bench/interactive-worker.ts')
  const config = join(folder, 'interactive.toml')
  const { compatibility_date: date, durable_objects: objects } = readWranglerConfig()
  await writeFile(
    config,
    `name = "interactive"\nmain = ${JSON.stringify(main)}\ncompatibility_date = "${date}"\n`,
  )
  const interactive = await bundleFunction({ outdir: join(folder, 'interactive'), config })
  const owner = new URL(manifest.databaseUrl)
  owner.port = String(proxy.port)
  return [
    { name: 'app', file: gateway.file, vars: env, durableObjects: classesOf(objects) },
    {
      name: 'interactive',
      file: interactive.file,
      vars: { DATABASE_URL: owner.href, WS_PROXY: proxy.wsProxy },
    },
  ]
}

function classesOf(objects: unknown): Record<string, string> {
  const { bindings = [] } = (objects ?? {}) as { bindings?: { name: string; class_name: string }[] }
  return Object.fromEntries(bindings.map((binding) => [binding.name, binding.class_name]))
}
