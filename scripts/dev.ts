/** `npm run dev`: the whole local stack on this machine, until Ctrl-C. */
import { parseArgs } from 'node:util'
import { functionEnvNames } from './stack/env-names.ts'
import { localFolder } from './stack/manifest.ts'
import { forgetStack, startStack, type Stack } from './stack/stack.ts'

const USAGE = `usage: npm run dev -- [--port 8787] [--reset]
  --port   where the functions listen
  --reset  forget all local data first
Variables of the functions given in the environment win: TESTNET_ONLY=false npm run dev`

const SETTLE_EVERY_MS = 60_000
const startedAt = Date.now()
const seconds = () => ((Date.now() - startedAt) / 1000).toFixed(1).padStart(5)

function options(): { port: number; reset: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: 'string', default: '8787' },
        reset: { type: 'boolean', default: false },
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
    return { port, reset: values.reset }
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`)
    process.exit(2)
  }
}

function given(): Record<string, string> {
  return Object.fromEntries(
    functionEnvNames().flatMap((name) =>
      process.env[name] === undefined ? [] : [[name, process.env[name]]],
    ),
  )
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

const { port, reset } = options()
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
    env: given(),
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
