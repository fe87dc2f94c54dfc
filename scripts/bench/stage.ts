/** Where a benchmark plays: the local stack, the bundles on raw workerd, and many accounts with balances. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { issueSession } from '../../functions/_lib/access/session-token.ts'
import { localSecrets, type Manifest } from '../stack/manifest.ts'
import { startRawWorkerd } from '../stack/raw-workerd.ts'
import { forgetStack, startStack, type Stack } from '../stack/stack.ts'
import { workerOf, type WorkerName } from './workers.ts'

export interface Account {
  account: string
  /** Of its session. */
  token: string
}

export interface Stage {
  stack: Stack
  manifest: Manifest
  /** Each with the same balance in perp margin and in the spot wallet, and as much DF. */
  accounts: Account[]
  /** Worker → port on 127.0.0.1. */
  ports: Record<string, number>
  /** The process that serves them. */
  workerdPid: number
  /** How long one measurement takes. */
  measureMs: number
  stop(): Promise<void>
}

interface Options {
  /** They share one process of workerd. */
  workers: WorkerName[]
  /** How many have balances. */
  accounts: number
  measureMs: number
  say: (step: string) => void
}

export const ACCOUNTS = 2_000
const BALANCE = '1000000'

/** Account number n, from 1: SQL scripts can make the same text out of a number. */
export const accountOf = (n: number): string => '0x' + n.toString(16).padStart(40, '0')

export async function openStage({ workers, accounts, measureMs, say }: Options): Promise<Stage> {
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
    await fund(stack.manifest, accounts)
    say(`${accounts} accounts have balances`)
    const raw = []
    for (const name of workers) raw.push(await workerOf(name, stack, folder))
    const workerd = await startRawWorkerd({ folder: join(folder, 'workerd'), workers: raw })
    stops.push(async () => await workerd.stop())
    say('workerd serves the bundles')
    const { jwtSecret } = await localSecrets(folder)
    return {
      stack,
      manifest: stack.manifest,
      accounts: await signedIn(jwtSecret, accounts),
      ports: workerd.ports,
      workerdPid: workerd.pid,
      measureMs,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * By the verbs, so that the ledger is as sound as after real use; half of the USDT goes to perp margin.
 */
async function fund({ databaseUrl }: Manifest, accounts: number): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const account = `'0x' || lpad(to_hex(n), 40, '0')`
    const each = `from generate_series(1, ${accounts}) n`
    for (const [token, amount] of Object.entries({ USDT: `2 * ${BALANCE}`, DF: BALANCE }))
      await client.query(
        `select ledger.credit(${account}, '${token}', ${amount}, 'bench', 'bench', null, null) ${each}`,
      )
    await client.query(
      `select ledger.transfer(${account}, 'USDT', 'spot_to_perp', ${BALANCE}, null, null) ${each}`,
    )
    await client.query('vacuum (analyze)')
  } finally {
    await client.end()
  }
}

export async function signedIn(jwtSecret: string, accounts: number): Promise<Account[]> {
  const env = { JWT_SECRET: jwtSecret, JWT_TTL_SECONDS: 86_400 }
  const now = Math.floor(Date.now() / 1000)
  return await Promise.all(
    Array.from({ length: accounts }, async (_, at) => {
      const account = accountOf(at + 1)
      return { account, token: (await issueSession(env, account, now)).token }
    }),
  )
}
