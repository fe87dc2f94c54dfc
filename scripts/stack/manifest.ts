/** `.local/dev.json`: what runs and how to reach it. Scripts and tests read it; it holds keys of the local stack only. */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eachJob, type Job } from '../../db/logins.ts'

export interface Manifest {
  /** With `/api/v1`. */
  baseUrl: string
  wsUrl: string
  /** The owner's connection string, straight to Postgres. */
  databaseUrl: string
  /** What the functions connect with, through the Neon proxy: each job's own. */
  loginUrls: Record<Job, string>
  neonProxyUrl: string
  adminApiKey: string
  /** What session tokens are signed with. */
  sessionKeys: { JWT_SECRET?: string; JWT_PRIVATE_KEY?: string }
  accounts: { address: string; privateKey: string }[]
  rpcUrl: string
  chainId: number
  vault: string
  tokens: Record<string, { address: string; decimals: number }>
  kmsUrl: string
  kmsKeyId: string
  signerAddress: string
  settleUrl: string
}

/** Made once and kept, so that a second start goes on with the same data. */
export interface LocalSecrets {
  jwtSecret: string
  adminApiKey: string
  /** Of the functions' logins. */
  passwords: Record<Job, string>
}

export const projectRoot = join(import.meta.dirname, '../..')
export const localFolder = join(projectRoot, '.local')

export async function localSecrets(folder: string): Promise<LocalSecrets> {
  const file = join(folder, 'secrets.json')
  if (existsSync(file)) return readKept<LocalSecrets>(file)
  const random = () => randomBytes(32).toString('hex')
  const secrets: LocalSecrets = {
    jwtSecret: random(),
    adminApiKey: random(),
    passwords: eachJob(random),
  }
  await writePrivate(file, JSON.stringify(secrets, null, 2))
  return secrets
}

/**
 * A JSON file that a start before this one left.
 * @throws Error with one line when it is damaged: by a full disk, a crash of the machine, or a person
 */
export function readKept<T>(file: string): T {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new Error(`${file} is damaged: \`npm run dev -- --reset\` starts clean, and forgets all local data`)
  }
}

/** Replaced in one step and readable by us alone: a reader never sees half a file. */
export async function writePrivate(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text + '\n', { mode: 0o600 })
  await rename(`${file}.new`, file)
}

/** The functions' variables as they run. @throws Error with one line when the stack is not running */
export function readFunctionsEnv(folder = localFolder): Record<string, string | undefined> {
  readManifest(folder)
  return readKept<Record<string, string | undefined>>(join(folder, 'functions.json'))
}

/** @throws Error with one line when the stack is not running */
export function readManifest(folder = localFolder): Manifest {
  const file = join(folder, 'dev.json')
  if (!existsSync(file)) throw new Error('the local stack is not running: start it with `npm run dev`')
  return readKept<Manifest>(file)
}
