import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { programEnv } from './program-env.ts'
import { anvilPackage, packageFile } from './systems.ts'

export interface AnvilOptions {
  chainId: number
  mnemonic: string
  /** 0, the default, lets the system choose. */
  port?: number | undefined
  /** A state to begin with. */
  loadState?: string | undefined
  /** Where a stopped anvil leaves its state. It writes there in place, so the file can be torn. */
  dumpState?: string | undefined
  log?: ((line: string) => void) | undefined
}
export interface Anvil {
  rpcUrl: string
  /** Of anvil itself, not of its keeper. */
  pid: number
  /** Resolves when it has ended in any way. */
  gone: Promise<void>
  /** Resolves once the process is gone and has written its state. */
  stop: () => Promise<void>
}
type Keeper = ChildProcessByStdio<Writable, Readable, Readable>

/** Distance of `finalized` from the head, in blocks: anvil puts it two epochs back, and our epochs are one block. */
export const FINALITY_BLOCKS = 2

const START_LIMIT_MS = 60_000

/**
 * Keeps anvil no longer than us. Our end of the pipe closes when we exit in whatever way, SIGKILL too; anvil is then
 * asked to stop, and saves its state. No node process could promise that of itself. Nor that nothing is left: an anvil that is
 * killed leaves the states that outgrew its memory, gigabytes on a long chain.
 */
const KEEPER = `exec 3<&0
cache=$1
shift
"$0" "$@" --cache-path "$cache" </dev/null >&2 3<&- &
anvil=$!
echo $anvil
(cat <&3 >/dev/null; kill -TERM $anvil) >/dev/null 2>&1 &
watch=$!
wait $anvil
status=$?
kill $watch 2>/dev/null
rm -rf "$cache"
exit $status`

/**
 * Starts anvil and waits until it listens.
 *
 * @throws Error with one line that says what is missing, or with anvil's last words.
 */
export async function startAnvil(options: AnvilOptions): Promise<Anvil> {
  // Its own process group: Ctrl-C in a terminal goes to us, and we stop anvil after what depends on it.
  // In a folder that may vanish, not in one in the user's home.
  const cache = await mkdtemp(join(tmpdir(), 'tidegate-anvil-'))
  const keeper = spawn('sh', ['-c', KEEPER, anvilBinary(), cache, ...anvilArguments(options)], {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: programEnv(),
  })
  // The pipe may be closed by an anvil that died; that is reported by its exit, not by a failed write.
  keeper.stdin.on('error', () => {})
  const exited = new Promise<void>((resolve) => keeper.once('close', () => resolve()))
  const [rpcUrl, pid] = await Promise.all([listening(keeper, options.log), anvilPid(keeper)])
  const stop = async (): Promise<void> => {
    keeper.stdin.end()
    await exited
  }
  return { rpcUrl, pid, gone: exited, stop }
}

function anvilArguments(options: AnvilOptions): string[] {
  // A chain that nobody goes on with keeps so many states, and all of them in memory: past 500 anvil writes each to the disk.
  const states = options.dumpState === undefined ? ['--prune-history', '1000'] : []
  const fixed = [
    '--host',
    '127.0.0.1',
    '--slots-in-an-epoch',
    '1',
    '--order',
    'fifo',
    '--no-request-size-limit',
  ]
  const port = String(options.port ?? 0)
  const chain = ['--chain-id', String(options.chainId), '--mnemonic', options.mnemonic, '--port', port]
  const load = options.loadState === undefined ? [] : ['--load-state', options.loadState]
  const dump = options.dumpState === undefined ? [] : ['--dump-state', options.dumpState]
  return [...fixed, ...chain, ...states, ...load, ...dump]
}

/** anvil prints its address once it serves; with port 0 this is the only place that says which port it took. */
async function listening(keeper: Keeper, log: ((line: string) => void) | undefined): Promise<string> {
  let last = ''
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(`no answer after ${START_LIMIT_MS / 1000} s`), START_LIMIT_MS)
    const fail = (reason: string): void => {
      clearTimeout(timer)
      keeper.stdin.end()
      reject(new Error(`The local chain did not start: ${reason}`))
    }
    keeper.once('error', () => fail('it needs a POSIX shell (`sh`); on Windows use WSL'))
    keeper.once('close', (code) => fail(last.trim() || `anvil exited with ${code}`))
    onLine(keeper.stderr, (line) => {
      if (line.trim() !== '') last = line
      log?.(line)
      const address = /^Listening on (\S+)$/.exec(line)?.[1]
      if (address === undefined) return
      clearTimeout(timer)
      resolve(`http://${address}`)
    })
  })
}

async function anvilPid(keeper: Keeper): Promise<number> {
  const [line] = (await once(keeper.stdout, 'data')) as [Buffer]
  return Number(line.toString())
}

function onLine(stream: Readable, handle: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    lines.forEach(handle)
  })
}

function anvilBinary(): string {
  return join(dirname(packageFile(anvilPackage, '/package.json')), 'bin', 'anvil')
}
