import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { projectRoot } from '../scripts/stack/manifest.ts'
import { clientOf } from './support/client.ts'

const client = clientOf()

test('the example bot signs in, transfers, and prints the snapshot and then the push', async () => {
  const { account, privateKey } = await client.newAccount({ USDT: '10' })
  const origin = client.manifest.baseUrl.replace('/api/v1', '')
  const { stdout } = await promisify(execFile)(
    'node_modules/.bin/tsx',
    ['scripts/examples/bot.ts', origin, privateKey],
    { cwd: projectRoot, timeout: 30_000 },
  )
  const printed = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object)
  expect(printed.at(-1)).toMatchObject({ token: 'USDT', available: '9', frozen: '0', version: 2 })
  expect(await client.balancesOf(account)).toEqual({ 'perp USDT': '1', 'spot USDT': '9' })
})
