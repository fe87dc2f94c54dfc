/**
 * `npm run smoke`: does what a newcomer does. Starts `npm run dev` on fresh data, runs the very calls it prints, then
 * `npm run verify` and `npm run demo`, stops it with Ctrl-C and looks whether anything is left running.
 */
import './stack/forget-shell.ts'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { freePort, portIsFree } from './stack/gateway.ts'
import { localFolder, projectRoot, readManifest } from './stack/manifest.ts'

const START_LIMIT_MS = 180_000
const STOP_LIMIT_MS = 20_000
const EXPECTED = '"amount":"100","perp_balance_after":"4900","spot_balance_after":"5100"'

function fail(message: string): never {
  throw new Error(message)
}

/** Starts the stack as its own process group, as a terminal would, and waits for what it prints when it is ready. */
async function startDev(port: number): Promise<{ output: string; interrupt: () => Promise<void> }> {
  const child = spawn('npm', ['run', 'dev', '--', '--reset', '--port', String(port)], {
    cwd: projectRoot,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const interrupt = async () => {
    process.kill(-(child.pid ?? 0), 'SIGINT')
    const timer = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), STOP_LIMIT_MS)
    await gone
    clearTimeout(timer)
  }
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready in time:\n${output}`)), START_LIMIT_MS)
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
        process.stdout.write(chunk)
        if (output.includes('Ctrl-C stops everything')) {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    child.once('close', () => reject(new Error(`npm run dev ended:\n${output}`)))
  })
  return { output, interrupt }
}

/** The indented lines that `npm run dev` prints to be pasted. */
const printedCalls = (output: string): string =>
  output
    .split('\n')
    .filter((line) => /^ {2,}(BASE=|TOKEN=|curl |-d )/.test(line))
    .join('\n')

const run = (command: string, args: string[]): string =>
  execFileSync(command, args, { cwd: projectRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

async function main(): Promise<void> {
  if (existsSync(`${localFolder}/dev.json`))
    fail('the local stack is running: stop it first, this check starts its own')
  const port = await freePort()
  const { output, interrupt } = await startDev(port)
  try {
    const { rpcUrl, neonProxyUrl } = readManifest()
    const answers = run('bash', ['-euc', printedCalls(output)])
    console.log(answers)
    if (!answers.includes(EXPECTED)) fail(`the printed calls did not end in 4900 and 5100`)
    console.log(run('npm', ['run', '--silent', 'demo']))
    console.log(run('npm', ['run', '--silent', 'verify']))
    await interrupt()
    for (const used of [port, ...[rpcUrl, neonProxyUrl].map((url) => Number(new URL(url).port))]) {
      if (!(await portIsFree(used))) fail(`Ctrl-C left something listening on port ${used}`)
    }
    if (existsSync(`${localFolder}/dev.json`)) fail('Ctrl-C left a manifest of a stack that is gone')
  } catch (error) {
    await interrupt().catch(() => undefined)
    throw error
  }
}

try {
  await main()
  console.log('the first command, its calls and Ctrl-C work')
} catch (error) {
  console.error((error as Error).message)
  process.exit(1)
}
