/** Signs in, subscribes, transfers, prints what the stream says. `npx tsx scripts/examples/bot.ts <origin> <private key>` */
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { privateKeyToAccount } from 'viem/accounts'
import type { TypedDataDefinition } from 'viem'
import { createClient, repeated } from './client.ts'

type Client = ReturnType<typeof createClient>

const LOOK_EVERY_MS = 50
/** A push comes within milliseconds. One that did not was lost: the balance is asked for again. */
const PUSH_WAIT_MS = 5_000
const ASKED_MAX = 12

async function signIn(origin: string, privateKey: string): Promise<Client> {
  const wallet = privateKeyToAccount(privateKey as `0x${string}`)
  const guest = createClient(origin)
  const { typed_data } = await guest.call('GET /api/v1/auth/nonce/{address}', {
    params: { address: wallet.address },
  })
  const toSign = typed_data as unknown as TypedDataDefinition & { message: { timestamp: number } }
  const signature = await wallet.signTypedData(toSign)
  const { timestamp } = toSign.message
  const { token } = await guest.call('POST /api/v1/auth/login', {
    body: { address: wallet.address, signature, timestamp },
  })
  return createClient(origin, { token })
}

/** Moves once, however often it has to ask. Answers with the version that the spot balance has since. */
async function transfer(me: Client): Promise<number> {
  const key = randomUUID()
  await repeated(
    async () =>
      await me.call('POST /api/v1/spot/transfer', {
        body: { token: 'USDT', direction: 'spot_to_perp', amount: '1' },
        idempotencyKey: key,
      }),
  )
  const [change] = await repeated(
    async () =>
      await me.call('GET /api/v1/spot/transfers', { query: { idempotency_key: key, wallet: 'spot' } }),
  )
  if (change === undefined) throw new Error('the history does not have the transfer')
  return change.version
}

async function run(origin: string, privateKey: string): Promise<void> {
  const me = await signIn(origin, privateKey)
  let newest = 0
  const subscribe = async () =>
    await me.subscribeBalances((balance) => {
      console.log(JSON.stringify(balance))
      if (balance.token === 'USDT') newest = Math.max(newest, balance.version)
    })
  let stream = await subscribe()
  // An open socket would keep a bot that has failed from ending.
  try {
    const version = await transfer(me)
    // The transfer may be in the snapshot already: its version says so, not how many messages came.
    for (let asked = 1, askedAt = Date.now(); newest < version; await pause(LOOK_EVERY_MS)) {
      if (Date.now() < askedAt + PUSH_WAIT_MS) continue
      if (asked >= ASKED_MAX) throw new Error('the stream does not tell of the transfer')
      if (stream.isOpen()) stream.again()
      else stream = await subscribe()
      asked += 1
      askedAt = Date.now()
    }
  } finally {
    stream.close()
  }
}

const [origin = '', privateKey = '', ...more] = process.argv.slice(2)
if (!URL.canParse(origin) || !/^0x[0-9a-f]{64}$/i.test(privateKey) || more.length > 0) {
  console.error(
    'usage: npx tsx scripts/examples/bot.ts <origin, such as http://127.0.0.1:8787> <private key, 0x and 64 hex digits>',
  )
  process.exitCode = 2
} else {
  await run(origin, privateKey).catch((error: unknown) => {
    const { cause, message } = error as Error
    console.error(cause === undefined ? message : `${origin} does not answer; is \`npm run dev\` running?`)
    process.exitCode = 1
  })
}
