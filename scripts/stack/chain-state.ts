import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { Hash, Hex } from 'viem'
import { readKept } from './manifest.ts'

/** What startChain remembers beside the state. */
export interface ChainRecord {
  chainId: number
  /** Of the deployed bytecode: tells when the contracts in the checkout have moved on. */
  codeHash: Hash
  /** Of the running anvil; absent after a proper stop. */
  pid?: number
  rpcUrl: string
  vault: Hex
  tokens: Record<string, Hex>
}
export interface StateFiles {
  /** The good state: only ever replaced whole. */
  state: string
  /** What anvil itself writes when it is asked to stop; in place, so it counts only if it parses. */
  exit: string
  record: string
}
export interface Saver {
  save(): Promise<void>
  stop(): Promise<void>
}
interface SaverClient {
  getHeadHash(): Promise<Hash>
  /** A gzip archive of the state, in hex. */
  dump(): Promise<Hex>
}

const POLL_MS = 250
const STOP_LIMIT_MS = 3_000
const unzip = promisify(gunzip)

export function stateFiles(state: string): StateFiles {
  return { state, exit: `${state}.exit`, record: `${state}.addresses.json` }
}

/**
 * Makes the state file the newest whole state there is, and says whether there is one.
 * A previous owner that was killed leaves its anvil stopping behind it; that one is waited for.
 *
 * @throws Error when a living chain uses the files, or the state file is damaged.
 */
export async function prepareState(files: StateFiles): Promise<boolean> {
  mkdirSync(dirname(files.state), { recursive: true })
  const record = readRecord(files)
  await waitForOwner(record)
  // No record yet: whatever anvil left is a chain that was killed before its contracts were all there.
  if (record === undefined) rmSync(files.exit, { force: true })
  promoteExitState(files)
  if (!existsSync(files.state)) return false
  if (isWhole(files.state)) return true
  throw new Error(
    `${files.state} is damaged, and the ledger belongs to that chain: \`npm run dev -- --reset\` starts both anew`,
  )
}

/** What anvil left when it stopped is newer than anything saved before, unless it was killed while writing it. */
export function promoteExitState(files: StateFiles): void {
  if (isWhole(files.exit)) renameSync(files.exit, files.state)
  else rmSync(files.exit, { force: true })
}

export function readRecord(files: StateFiles): ChainRecord | undefined {
  if (!existsSync(files.record)) return undefined
  return readKept<ChainRecord>(files.record)
}

export async function writeRecord(files: StateFiles, record: ChainRecord): Promise<void> {
  await replaceFile(files.record, JSON.stringify(record, null, 2))
}

/**
 * Saves the chain shortly after each new block, so that even an anvil that is killed loses at most the blocks of
 * the last moment. anvil's own `--state-interval` truncates the file and then writes it: killed in between, it would
 * leave a file it cannot read. Nor are old states saved: they would be 100 KB a block. So a state read at a
 * block before the restart fails, which is why startChain mines until `finalized` has one.
 */
export function startSaver(files: StateFiles, client: SaverClient): Saver {
  const stopping = new AbortController()
  let saved: Hash | undefined
  const saveNow = async (): Promise<void> => {
    const hash = await client.getHeadHash()
    if (hash === saved) return
    const zipped = Buffer.from((await client.dump()).slice(2), 'hex')
    await replaceFile(files.state, await unzip(zipped))
    saved = hash
  }
  // One after the other: they write the same file.
  let saving = Promise.resolve()
  const save = async (): Promise<void> => await (saving = saving.catch(() => {}).then(saveNow))
  const loop = async (): Promise<void> => {
    let wait = POLL_MS
    while (!stopping.signal.aborted) {
      await pause(wait, undefined, { signal: stopping.signal }).catch(() => {})
      if (stopping.signal.aborted) return
      const begin = performance.now()
      // A chain that is stopped or stuck has nothing to save; its own exit says so.
      await save().catch(() => {})
      // A long history takes long to dump: never more than a tenth of the time goes into it.
      wait = Math.max(POLL_MS, 10 * (performance.now() - begin))
    }
  }
  const running = loop()
  const stop = async (): Promise<void> => {
    stopping.abort()
    await running
  }
  return { stop, save }
}

async function waitForOwner(record: ChainRecord | undefined): Promise<void> {
  const pid = record?.pid
  if (record === undefined || pid === undefined) return
  const until = Date.now() + STOP_LIMIT_MS
  while (isAlive(pid) && Date.now() < until) await pause(25)
  if (!isAlive(pid)) return
  // Alive but silent is another program that was given the old number.
  if (await answers(record.rpcUrl))
    throw new Error(`This chain is already running at ${record.rpcUrl} (pid ${pid})`)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function answers(rpcUrl: string): Promise<boolean> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] })
  const headers = { 'content-type': 'application/json' }
  const signal = AbortSignal.timeout(1_000)
  return await fetch(rpcUrl, { method: 'POST', headers, body, signal }).then(
    (response) => response.ok,
    () => false,
  )
}

function isWhole(path: string): boolean {
  try {
    JSON.parse(readFileSync(path, 'utf8'))
    return true
  } catch {
    return false
  }
}

/** Readers see the old file or the new one, never a part. */
async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.new`
  await writeFile(temporary, content)
  await rename(temporary, path)
}
