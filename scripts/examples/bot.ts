/** Signs in, subscribes, transfers, prints what the stream says. `npx tsx scripts/examples/bot.ts <origin> <private key>` */
import { privateKeyToAccount } from 'viem/accounts'
import type { TypedDataDefinition } from 'viem'
import { createClient } from './client.ts'

async function run(origin: string, privateKey: string): Promise<void> {
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
  const me = createClient(origin, { token })
  let version = Infinity
  const socket = await me.subscribeBalances((balance) => {
    console.log(JSON.stringify(balance))
    if (balance.version > version) socket.close()
    if (balance.token === 'USDT') version = balance.version
  })
  try {
    await me.call('POST /api/v1/spot/transfer', {
      body: { token: 'USDT', direction: 'spot_to_perp', amount: '1' },
    })
  } catch (error) {
    // An open socket would keep a bot that has failed from ending.
    socket.close()
    throw error
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
