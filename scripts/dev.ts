/** `npm run dev`: the whole local stack on this machine, until Ctrl-C. */
import './stack/forget-shell.ts'
import { parseArgs } from 'node:util'
import { nodeFault, startFault } from './stack/start-fault.ts'

const USAGE = `usage: npm run dev -- [--port 8787] [--reset] [--quiet] [--set NAME=value]...
  --port   where the functions listen
  --reset  forget all local data first
  --quiet  no line for each request
  --set    a variable of the functions, such as RPC_URL=http://127.0.0.1:8545; several times
Switches and figures may also stand in the environment: TESTNET_ONLY=false npm run dev. Connection strings, keys and
addresses are taken from --set alone.`

function fail(message: string, code: number): never {
  console.error(message)
  process.exit(code)
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: 'string', default: '8787' },
        reset: { type: 'boolean', default: false },
        quiet: { type: 'boolean', default: false },
        set: { type: 'string', multiple: true, default: [] },
        help: { type: 'boolean' },
      },
    })
    if (values.help) {
      console.log(USAGE)
      process.exit(0)
    }
    const port = Number(values.port)
    if (!/^\d{1,5}$/.test(values.port) || port > 65_535)
      throw new Error(`--port ${values.port} is not a port`)
    return { ...values, port }
  } catch (error) {
    return fail(`${(error as Error).message}\n${USAGE}`, 2)
  }
}

const given = options()
const fault = nodeFault(process.versions.node)
if (fault !== undefined) fail(fault, 1)
console.log('starting the local stack: Postgres, chain with vault, KMS, functions')
// All else is loaded after the first line is out, and the runtime beside it: each takes a second, and longer on a busy machine.
const { prepareRuntime } = await import('./stack/gateway.ts')
const runtime = prepareRuntime()
const { localFolder } = await import('./stack/manifest.ts')
try {
  const { runDev } = await import('./stack/dev-run.ts')
  await runDev(given, runtime)
} catch (error) {
  await runtime.stop()
  fail(`could not start: ${startFault(error, localFolder)}`, 1)
}
