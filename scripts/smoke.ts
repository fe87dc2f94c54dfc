/**
 * `npm run smoke`: does what a newcomer does. Starts `npm run dev` on fresh data, pastes the calls of the README, then
 * `npm run verify` and `npm run demo`, stops it with Ctrl-C and looks whether anything is left running.
 */
import './stack/forget-shell.ts'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { argumentsOrExit } from './stack/command.ts'
import { freePort, portIsFree } from './stack/gateway.ts'
import { localFolder, projectRoot, readManifest } from './stack/manifest.ts'

const START_LIMIT_MS = 180_000
const STOP_LIMIT_MS = 20_000
const READY = 'Ctrl-C stops everything'
const EXPECTED = '"amount":"100","perp_balance_after":"100","spot_balance_after":"9900"'

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
        if (output.includes(READY)) {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    child.once('close', () => reject(new Error(`npm run dev ended:\n${output}`)))
  })
  return { output, interrupt }
}

/** The calls of the README's first screen, as they stand there. */
function readmeCalls(): string {
  const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8')
  const calls = /<!-- first calls: begin[^]*?```sh\n([^]*?)```/.exec(readme)?.[1]
  return calls ?? fail('the README has no first calls')
}

const run = (command: string, args: string[]): string =>
  execFileSync(command, args, { cwd: projectRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

argumentsOrExit({ usage: 'usage: npm run smoke' })

async function main(): Promise<void> {
  if (existsSync(`${localFolder}/dev.json`))
    fail('the local stack is running: stop it first, this check starts its own')
  const port = await freePort()
  const { output, interrupt } = await startDev(port)
  try {
    const { rpcUrl, neonProxyUrl } = readManifest()
    const calls = readmeCalls().replace('http://127.0.0.1:8787', `http://127.0.0.1:${port}`)
    for (const line of calls.split('\n'))
      if (!output.includes(line)) fail(`npm run dev did not print what the README shows: ${line}`)
    const answers = run('bash', ['-euc', calls])
    console.log(answers)
    if (!answers.includes(EXPECTED)) fail('the calls of the README did not end in 100 and 9900')
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
