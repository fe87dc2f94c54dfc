/** `npm run dev`: the whole local stack on this machine, until Ctrl-C. */
import { parseArgs } from 'node:util'
import './stack/forget-shell.ts'
import { localFolder } from './stack/manifest.ts'
import { givenVariables, type Given } from './stack/shell.ts'
import { forgetStack, startStack, type Stack } from './stack/stack.ts'

const USAGE = `usage: npm run dev -- [--port 8787] [--reset] [--set NAME=value]...
  --port   where the functions listen
  --reset  forget all local data first
  --set    a variable of the functions, such as RPC_URL=http://127.0.0.1:8545; several times
Switches and figures may also stand in the environment: TESTNET_ONLY=false npm run dev. Connection strings, keys and
addresses are taken from --set alone.`

const SETTLE_EVERY_MS = 60_000
const startedAt = Date.now()
const seconds = () => ((Date.now() - startedAt) / 1000).toFixed(1).padStart(5)

function options(): { port: number; reset: boolean; given: Given } {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: 'string', default: '8787' },
        reset: { type: 'boolean', default: false },
        set: { type: 'string', multiple: true, default: [] },
        help: { type: 'boolean' },
      },
    })
    const port = Number(values.port)
    if (values.help) {
      console.log(USAGE)
      process.exit(0)
    }
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw new Error(`--port ${values.port} is not a port`)
    return { port, reset: values.reset, given: givenVariables(process.env, values.set) }
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`)
    process.exit(2)
  }
}

function sayGiven({ env, taken, ignored }: Given): void {
  const set = Object.keys(env).filter((name) => !taken.includes(name))
  if (taken.length > 0) console.log(`from the environment: ${taken.join(', ')}`)
  if (set.length > 0) console.log(`by --set: ${set.join(', ')}`)
  if (ignored.length > 0) console.log(`not taken from the environment, only by --set: ${ignored.join(', ')}`)
}

/** What a newcomer pastes next: these very calls are what the README shows. */
function firstCalls({ manifest, env }: Stack): string {
  const account = manifest.accounts[0]?.address ?? ''
  return `
Ready in ${seconds().trim()} s. Try (in another terminal):

  BASE=${manifest.baseUrl}
  TOKEN=$(npm run --silent token -- ${account})

  curl -sw '\\n' $BASE/admin/spot/balances/credit -H 'X-API-Key: ${env.ADMIN_API_KEY}' -H 'Content-Type: application/json' \\
    -d '{"user_address":"${account}","token":"USDT","amount":"10000"}'
  curl -sw '\\n' $BASE/spot/transfer -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
    -d '{"token":"USDT","direction":"spot_to_perp","amount":"5000"}'
  curl -sw '\\n' $BASE/spot/transfer -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
    -d '{"token":"USDT","direction":"perp_to_spot","amount":"100"}'
  curl -sw '\\n' $BASE/spot/balances -H "Authorization: Bearer $TOKEN"

  npm run demo        a withdrawal from login to the vault's payment, and one that comes back
  npm run settle      the cron function now, instead of at the next minute
  npm run verify      every invariant of the ledger, with its count of violations

Manifest .local/dev.json, request log .local/functions.log. Ctrl-C stops everything; data is kept (--reset forgets it).`
}

const { port, reset, given } = options()
sayGiven(given)
let stack: Stack | undefined
let stopping = false
async function stop(): Promise<void> {
  if (stopping) return
  stopping = true
  console.log('\nstopping …')
  await stack?.stop()
  process.exit(0)
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop())

try {
  if (reset) await forgetStack(localFolder)
  stack = await startStack({
    folder: localFolder,
    port,
    env: given.env,
    onStep: (step) => console.log(`${seconds()} s  ${step}`),
  })
  // wrangler dev fires no cron by itself. A run that fails says so in the request log.
  const { settleUrl } = stack.manifest
  setInterval(() => void fetch(settleUrl).catch(() => undefined), SETTLE_EVERY_MS)
  if (!stopping) console.log(firstCalls(stack))
} catch (error) {
  console.error(`could not start: ${(error as Error).message}`)
  process.exit(1)
}
