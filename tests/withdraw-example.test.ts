import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectRoot } from '../scripts/stack/manifest.ts'
import { ownStack } from './support/own-stack.ts'

let own: Awaited<ReturnType<typeof ownStack>>
beforeAll(async () => void (own = await ownStack()))
afterAll(async () => await own.stop())

const EXAMPLE_MS_MAX = 120_000

test(
  'the example deposits what is missing, uses signatures in nonce order, and leaves with `confirmed`',
  async () => {
    const { baseUrl, rpcUrl, settleUrl, accounts } = own.stack.manifest
    const [{ address, privateKey } = { address: '', privateKey: '' }] = accounts
    const account = address.toLowerCase()
    await own.client.credit(account, 'DF', '3')
    const token = await own.client.sessionFor(account)
    const earlier = await own.client.call('/spot/withdraw/request', {
      token,
      json: { token: 'DF', amount: '1' },
    })
    expect(earlier.status).toBe(200)

    const given = ['--origin', new URL(baseUrl).origin, '--key', privateKey, '--rpc', rpcUrl]
    const example = promisify(execFile)(
      'node_modules/.bin/tsx',
      ['scripts/examples/withdraw.ts', ...given, '5.25', 'DF'],
      { cwd: projectRoot, timeout: EXAMPLE_MS_MAX },
    )
    let runs = true
    const ended = example.finally(() => (runs = false))
    ended.catch(() => undefined)
    // The cron of this stack, which fires none by itself.
    while (runs) expect((await fetch(settleUrl)).status).toBe(200)
    const { stdout, stderr } = await ended
    expect(stderr).toBe('')
    expect(stdout).toContain('deposited 3.25 DF')
    expect(stdout).toMatch(/the vault paid 1 DF for nonce 0: 0x.*\nthe vault paid 5.25 DF for nonce 1: 0x/)
    expect(stdout).toMatch(/\nconfirmed by 0x[0-9a-f]{64} in block \d+\n$/)
    expect(await own.client.balancesOf(account)).toEqual({ 'spot DF': '0' })
    expect(await own.client.broken()).toEqual([])
  },
  EXAMPLE_MS_MAX,
)
