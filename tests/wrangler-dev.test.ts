/** The functions by `wrangler dev` itself, as `npm run dev:wrangler` starts it, on the shared stack's parts. */
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { startWranglerDev } from '../scripts/stack/wrangler-dev.ts'
import { clientOf, newKey } from './support/client.ts'
import { until } from './support/until.ts'

const manifest = inject('stack')
let client: ReturnType<typeof clientOf>
let stop: () => Promise<void>

beforeAll(async () => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  const folder = inject('stackFolder')
  const wrangler = await startWranglerDev({ folder, port, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [wrangler.stdout, wrangler.stderr])
    stream?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)))
  const gone = once(wrangler, 'close')
  stop = async () => {
    wrangler.kill('SIGTERM')
    await gone
  }
  await until(
    async () => {
      if (wrangler.exitCode !== null) throw new Error(said)
      return await fetch(`http://127.0.0.1:${port}/health`).then(
        ({ ok }) => ok,
        () => false,
      )
    },
    'wrangler dev to serve',
    90_000,
  )
  client = clientOf({ ...manifest, baseUrl: `http://127.0.0.1:${port}/api/v1` })
})
afterAll(async () => await stop())

test('moves money by the same ledger, and a key that was used there brings the first answer back here', async () => {
  const { account, token } = await client.newAccount({ USDT: '10' })
  const move = { token: 'USDT', direction: 'spot_to_perp', amount: '4' }
  const headers = { 'Idempotency-Key': newKey() }
  const first = await client.transfer(token, move, headers)
  expect([first.status, first.body.perp_balance_after]).toEqual([200, '4'])
  const again = await clientOf().transfer(token, move, headers)
  expect([again.headers.get('idempotency-replayed'), again.text]).toEqual(['true', first.text])
  expect(await client.balancesOf(account)).toEqual({ 'perp USDT': '4', 'spot USDT': '6' })
})
