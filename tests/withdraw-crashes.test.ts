/** The request dies, or loses its database, at every place where it waits. Afterwards the money is in one known place. */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Fault } from '../scripts/stack/kms-faults.ts'
import type { FaultKind } from '../scripts/stack/neon-proxy-faults.ts'
import type { Stack } from '../scripts/stack/stack.ts'
import { newKey, type Client } from './support/client.ts'
import { ownStack } from './support/own-stack.ts'
import { until } from './support/until.ts'
import { requestWithdrawal, rowsOf, type Account } from './support/withdrawals.ts'
import { withoutTriggers } from './support/without-triggers.ts'

let stack: Stack
let client: Client
let stop: () => Promise<void>
let account: Account
let headers: Record<string, string>

beforeAll(async () => {
  ;({ stack, client, stop } = await ownStack())
})
afterAll(async () => await stop())

beforeEach(async () => {
  account = await client.newAccount({ DF: '5' })
  headers = { 'Idempotency-Key': newKey() }
  stack.kms.control({ faults: [], clearLog: true })
  stack.proxy.control({ next: [], reset: true })
})
afterEach(async () => {
  expect(await client.broken()).toEqual([])
})

type Cut = [verb: 'reserve' | 'store_signature' | 'give_back', kind: FaultKind]
const request = async () => await requestWithdrawal(client, account, '2', { headers })
const cut = (...faults: Cut[]) =>
  stack.proxy.control({ next: faults.map(([verb, kind]) => ({ kind, match: `ledger.${verb}(` })) })

/** What the cron function does with what is left, with its own login's rights. */
async function reap(): Promise<void> {
  const connection = new pg.Client({ connectionString: stack.manifest.databaseUrl })
  await connection.connect()
  try {
    await connection.query('set role tidegate_settle')
    await connection.query(
      `select ledger.end_reservations(array(select json_array_elements_text(ledger.stale_reservations(0, 1000))::uuid), '{}')`,
    )
  } finally {
    await connection.end()
  }
}

const matrix: [string, Cut[], Fault[], [number, string | undefined], string, string][] = [
  ['reserve never arrives', [['reserve', 'cutBeforeSend']], [], [500, 'internal'], '', '5'],
  [
    'the answer of reserve is lost',
    [['reserve', 'cutAfterCommit']],
    [],
    [500, 'internal'],
    'reserved 0',
    '3+2',
  ],
  ['reserve arrives twice', [['reserve', 'duplicate']], [], [200, undefined], 'signed 0', '3+2'],
  [
    'store never arrives, once',
    [['store_signature', 'cutBeforeSend']],
    [],
    [200, undefined],
    'signed 0',
    '3+2',
  ],
  [
    'the answer of store is lost, once',
    [['store_signature', 'cutAfterCommit']],
    [],
    [200, undefined],
    'signed 0',
    '3+2',
  ],
  ['store arrives twice', [['store_signature', 'duplicate']], [], [200, undefined], 'signed 0', '3+2'],
  [
    'store arrives twice at once',
    [['store_signature', 'duplicateRace']],
    [],
    [200, undefined],
    'signed 0',
    '3+2',
  ],
  [
    'store never arrives',
    [
      ['store_signature', 'cutBeforeSend'],
      ['store_signature', 'cutBeforeSend'],
    ],
    [],
    [500, 'internal'],
    'released 0',
    '5',
  ],
  [
    'every answer of store is lost',
    [
      ['store_signature', 'cutAfterCommit'],
      ['store_signature', 'cutAfterCommit'],
    ],
    [],
    [500, 'internal'],
    'signed 0',
    '3+2',
  ],
  [
    'neither store nor giving back arrives',
    [
      ['store_signature', 'cutBeforeSend'],
      ['store_signature', 'cutBeforeSend'],
      ['give_back', 'cutBeforeSend'],
    ],
    [],
    [500, 'internal'],
    'reserved 0',
    '3+2',
  ],
  [
    'KMS fails and giving back never arrives',
    [['give_back', 'cutBeforeSend']],
    [{ kind: 'throttle' }],
    [503, 'SIGNER_UNAVAILABLE'],
    'reserved 0',
    '3+2',
  ],
  [
    'KMS fails and the answer of giving back is lost',
    [['give_back', 'cutAfterCommit']],
    [{ kind: 'throttle' }],
    [503, 'SIGNER_UNAVAILABLE'],
    'released 0',
    '5',
  ],
  [
    'KMS fails and giving back arrives twice',
    [['give_back', 'duplicate']],
    [{ kind: 'throttle' }],
    [503, 'SIGNER_UNAVAILABLE'],
    'released 0',
    '5',
  ],
]

describe('the database is lost', () => {
  test.each(matrix)(
    '%s: the answer claims no more than is known, and the same key ends in exactly one withdrawal',
    async (_what, cuts, faults, [status, error], row, balance) => {
      cut(...cuts)
      stack.kms.control({ faults })
      const answer = await request()
      expect([answer.status, answer.body.error]).toEqual([status, error])
      expect(stack.proxy.injected()).toHaveLength(cuts.length)
      expect((await rowsOf(client, account.account)).join()).toBe(row)
      expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': balance })
      if (row !== 'released 0') expect(answer.text).not.toContain('the funds are back')
      if (status !== 200) expect(answer.text).not.toMatch(/0x[0-9a-f]{130}/)

      stack.kms.control({ faults: [] })
      if (row === 'reserved 0') {
        const waiting = await request()
        expect([waiting.status, waiting.body.error]).toEqual([409, 'REQUEST_IN_PROGRESS'])
        await reap()
        expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '5' })
      }
      const again = await request()
      expect(again.status).toBe(200)
      expect(again.headers.get('Idempotency-Replayed')).toBe(row === 'signed 0' ? 'true' : null)
      expect((await rowsOf(client, account.account)).filter((it) => it.startsWith('signed'))).toEqual([
        'signed 0',
      ])
      expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '3+2' })
    },
  )
})

describe('the runtime is killed', () => {
  test('while KMS works: no signature is stored, the reservation stays until the cron function, and then nothing is missing', async () => {
    stack.kms.control({ faults: [{ kind: 'hang' }], clearLog: true })
    await stack.restartGateway({ KMS_TIMEOUT_MS: '15000' })
    const dying = request().catch(() => 'no answer')
    await until(() => stack.kms.control().signCalls === 1, 'the Sign call')
    await stack.restartGateway({ KMS_TIMEOUT_MS: '3000' })
    await dying
    stack.kms.control({ faults: [] })
    expect(await rowsOf(client, account.account)).toEqual(['reserved 0'])
    expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '3+2' })
    const other = await requestWithdrawal(client, account)
    expect([other.status, other.body.error]).toEqual([409, 'WITHDRAWAL_IN_PROGRESS'])
    await reap()
    const again = await request()
    expect([again.status, again.body.nonce]).toEqual([200, 0])
    expect(await rowsOf(client, account.account)).toEqual(['released 0', 'signed 0'])
    expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '3+2' })
  })

  test('while the store is on its way: it arrives or it does not, and the key tells which', async () => {
    await request()
    stack.proxy.control({ delayMs: 400, reset: true })
    headers = { 'Idempotency-Key': newKey() }
    const dying = requestWithdrawal(client, account, '1', { headers }).catch(() => 'no answer')
    await until(() => stack.proxy.roundTrips().total === 2, 'the store on its way')
    await stack.restartGateway()
    stack.proxy.control({ delayMs: 0 })
    await dying
    const [row] = (await rowsOf(client, account.account)).slice(-1)
    expect(['reserved 1', 'signed 1']).toContain(row)
    await reap()
    expect((await requestWithdrawal(client, account, '1', { headers })).status).toBe(200)
    expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '2+3' })
  })
})

test('a standby takes over that has not heard of the signature: the caller who has it can use it, and the funds do not come back', async () => {
  const signed = await request()
  expect(signed.status).toBe(200)
  await withoutTriggers(
    async (text) => await client.sql(text),
    `update withdrawals set status = 'reserved', signature = null, signed_at = null, requested_at = now() - interval '1 hour' where id = '${String(signed.body.id)}'`,
  )
  expect((await fetch(stack.manifest.settleUrl)).status).toBe(200)
  expect(await rowsOf(client, account.account)).toEqual(['signed 0'])
  expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '3+2' })
  const read = await client.sql<{ signature: string }>('select signature from withdrawals where id = $1', [
    signed.body.id,
  ])
  expect(read).toEqual([{ signature: signed.body.signature }])
})
