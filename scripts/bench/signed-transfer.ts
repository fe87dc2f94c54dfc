/** The wallet-signed spot transfer, main account → subaccount, each request with a message of its own. */
import { createPrivateKey, createPublicKey, randomBytes, sign, type KeyObject } from 'node:crypto'
import { base58 } from '@scure/base'
import pg from 'pg'
import { httpRequest, type Variant } from './variants.ts'

const PAIRS = 100
/** More than a measurement sends: a message sent twice is refused as a duplicate. */
const MESSAGES = 6_000
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex')

interface Pair {
  key: KeyObject
  main: string
  sub: string
}
const pairs: Pair[] = []

function newKey(): { key: KeyObject; address: string } {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_ED25519, randomBytes(32)]),
    format: 'der',
    type: 'pkcs8',
  })
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32)
  return { key, address: base58.encode(publicKey) }
}

function signedRequest({ key, main, sub }: Pair, timestamp: number): string {
  const data = { amount: '0.01', symbol: 'USDT', to_account: sub }
  const text = JSON.stringify({ data, expiry_window: 300_000, timestamp, type: 'transfer_spot_asset' })
  const signature = base58.encode(sign(null, Buffer.from(text), key))
  const body = { account: main, ...data, expiry_window: 300_000, timestamp, signature }
  return httpRequest('POST', '/api/v1/account/subaccount/spot_asset/transfer', {}, body)
}

export const signedTransfer: Variant = {
  name: 'signed subaccount transfer',
  worker: 'app',
  prepare: async ({ manifest }) => {
    const client = new pg.Client({ connectionString: manifest.databaseUrl })
    await client.connect()
    try {
      for (let n = 0; n < PAIRS; n += 1) {
        const [main, sub] = [newKey(), newKey()]
        pairs.push({ key: main.key, main: main.address, sub: sub.address })
        await client.query('select ledger.create_subaccount($1, $2, 1)', [main.address, sub.address])
        await client.query(`select ledger.credit($1, 'USDT', 1000000, 'bench', 'bench', null, null)`, [
          main.address,
        ])
      }
    } finally {
      await client.end()
    }
  },
  // Made anew for each measurement: times that no earlier message had, all within the window.
  requests: () => {
    const now = Date.now()
    return Array.from({ length: MESSAGES }, (_, n) => {
      const pair = pairs[n % PAIRS]
      if (!pair) throw new Error('the accounts are not prepared')
      return signedRequest(pair, now - Math.floor(n / PAIRS))
    })
  },
}
