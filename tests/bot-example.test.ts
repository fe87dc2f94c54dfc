/** The example bot and its client, for whoever copies them: what is lost or late on the way costs neither money nor the answer. */
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { ApiFailure, createClient, repeated } from '../scripts/examples/client.ts'
import { clientOf, newKey } from './support/client.ts'
import { withAnswersCut } from './support/cut-answer.ts'
import { withServer } from './support/loopback-server.ts'
import { startScript } from './support/script.ts'
import { until } from './support/until.ts'

const client = clientOf()
const origin = client.manifest.baseUrl.replace('/api/v1', '')
const PORT = Number(new URL(origin).port)

/** Runs to its end; `printed` has what it has said so far. */
function startBot(at: string, privateKey: string, signal: AbortSignal) {
  let text = ''
  const { child, ended } = startScript(['scripts/examples/bot.ts', at, privateKey])
  child.stdout?.on('data', (chunk) => (text += String(chunk)))
  signal.addEventListener('abort', () => child.kill())
  const printed = () =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { token: string; available: string; version: number })
  return { ended, printed }
}
const DONE = { code: 0, error: '' }
const MOVED = { 'perp USDT': '1', 'spot USDT': '9' }

/** Does it while a transaction of the owner's holds what the statement locks; what it resolves to is committed with it. */
async function holding(statement: string, values: unknown[], work: (holder: pg.Client) => Promise<unknown>) {
  const holder = new pg.Client({ connectionString: client.manifest.databaseUrl })
  await holder.connect()
  try {
    await holder.query('begin')
    await holder.query(statement, values)
    await work(holder)
    await holder.query('commit')
  } finally {
    await holder.end()
  }
}

describe('the example bot', () => {
  test('signs in, transfers, and prints the balance after it', async ({ signal }) => {
    const { account, privateKey } = await client.newAccount({ USDT: '10' })
    const bot = startBot(origin, privateKey, signal)
    expect(await bot.ended).toMatchObject(DONE)
    expect(bot.printed().at(-1)).toMatchObject({ token: 'USDT', available: '9', frozen: '0', version: 2 })
    expect(await client.balancesOf(account)).toEqual(MOVED)
  })

  test('ends also when the snapshot has the transfer already, so that no push follows', async ({
    signal,
  }) => {
    const { account, privateKey } = await client.newAccount({ USDT: '10' })
    let bot: ReturnType<typeof startBot>
    // The registration waits for ours, and the snapshot for the registration.
    await holding(`insert into stream_listeners values ($1, 'epoch')`, [account], async () => {
      bot = startBot(origin, privateKey, signal)
      await until(async () => 'perp USDT' in (await client.balancesOf(account)), 'the transfer')
    })
    expect(await bot!.ended).toMatchObject(DONE)
    expect(bot!.printed()).toMatchObject([{ token: 'USDT', available: '9', version: 2 }])
    expect(await client.balancesOf(account)).toEqual(MOVED)
  })

  test('asks again when the push is lost', async ({ signal }) => {
    const { account, privateKey } = await client.newAccount({ USDT: '10' })
    let bot: ReturnType<typeof startBot>
    const row = `select from ledger.balances b join ledger.accounts a using (account_no) where a.address = $1 for update of b`
    await holding(row, [account], async (holder) => {
      bot = startBot(origin, privateKey, signal)
      await until(() => bot.printed().length > 0, 'the snapshot')
      await holder.query(`update stream_listeners set listens_until = 'epoch' where account = $1`, [account])
    })
    expect(await bot!.ended).toMatchObject(DONE)
    expect(bot!.printed()[0]).toMatchObject({ available: '10', version: 1 })
    expect(bot!.printed().at(-1)).toMatchObject({ available: '9', version: 2 })
    expect(await client.balancesOf(account)).toEqual(MOVED)
  })

  test('repeats a transfer whose answer was lost twice, and moves once', async ({ signal }) => {
    const { account, privateKey } = await client.newAccount({ USDT: '10' })
    const cut = await withAnswersCut(PORT, 'POST /api/v1/spot/transfer ', 2, async (front) => {
      const bot = startBot(front, privateKey, signal)
      expect(await bot.ended).toMatchObject(DONE)
      expect(bot.printed().at(-1)).toMatchObject({ available: '9', version: 2 })
    })
    expect(cut).toBe(2)
    expect(await client.balancesOf(account)).toEqual(MOVED)
  })

  test('says why and ends with 1 when the transfer is refused, asking once', async ({ signal }) => {
    const { account, privateKey } = await client.newAccount({ USDT: '0.5' })
    const bot = startBot(origin, privateKey, signal)
    const error = '400 INSUFFICIENT_BALANCE: the source has less than that available\n'
    expect(await bot.ended).toMatchObject({ code: 1, error })
    expect(await client.balancesOf(account)).toEqual({ 'spot USDT': '0.5' })
  })
})

describe('the example client', () => {
  test('names a refusal by the code of its family, with the request’s id and words for a person', async () => {
    const me = createClient(origin, { token: (await client.newAccount()).token })
    const account = '7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV'
    const refusals = [
      me.call('POST /api/v1/spot/transfer', {
        body: { token: 'NONE', direction: 'spot_to_perp', amount: '1' },
      }),
      me.call('POST /api/v1/agent/list', { body: { account, signature: '1', timestamp: 1 } }),
    ]
    const told = await Promise.all(refusals.map(async (call) => await call.catch((error: unknown) => error)))
    expect(told).toMatchObject([
      { status: 400, code: 'UNSUPPORTED_TOKEN', message: expect.stringMatching(/: this token/) as string },
      { status: 400, code: expect.stringMatching(/^[a-z_]+$/) as string },
    ])
    for (const failure of told as ApiFailure[]) {
      expect(failure.requestId).toMatch(/^\S+$/)
      expect(failure.message).not.toContain('undefined')
    }
  })

  test('takes an answer that is not of the API for a failure with its status, and no answer for none', async () => {
    await withServer(
      (_request, response) => response.writeHead(502).end('<html>'),
      async (url) => {
        const failure = await createClient(url)
          .call('GET /health', {})
          .catch((error: unknown) => error)
        expect(failure).toBeInstanceOf(ApiFailure)
        expect(failure).toMatchObject({ status: 502, code: 'UNREADABLE', requestId: null })
      },
    )
  })

  test.each([
    [500, 'internal', 3],
    [502, undefined, 3],
    [503, 'SERVICE_BUSY', 3],
    [429, 'RATE_LIMITED', 3],
    [409, 'REQUEST_IN_PROGRESS', 3],
    [408, 'REQUEST_TIMEOUT', 3],
    [409, 'WITHDRAWAL_IN_PROGRESS', 1],
    [400, 'INSUFFICIENT_BALANCE', 1],
    [401, 'UNAUTHORIZED', 1],
    [422, 'IDEMPOTENCY_KEY_REUSED', 1],
  ])(
    'repeats a request that was answered with %i %s, under its key, until it is answered for good: %i tries',
    async (status, error, tries) => {
      const keys: unknown[] = []
      await withServer(
        ({ headers }, response) => {
          keys.push(headers['idempotency-key'])
          response.writeHead(keys.length < 3 ? status : 200).end(JSON.stringify({ error }))
        },
        async (url) => {
          const body = { token: 'USDT', direction: 'spot_to_perp', amount: '1' } as const
          const idempotencyKey = newKey()
          const call = async () =>
            await createClient(url).call('POST /api/v1/spot/transfer', { body, idempotencyKey })
          const outcome = await repeated(call).catch((failure: ApiFailure) => failure.status)
          expect(outcome).toEqual(tries === 1 ? status : { error })
          expect(keys).toEqual(Array.from({ length: tries }, () => idempotencyKey))
        },
      )
    },
  )

  test('gives up a subscription that is closed before it was taken', async () => {
    const ended = await client.sessionFor((await client.newAccount()).account, { now: 1_700_000_000 })
    await expect(createClient(origin, { token: ended }).subscribeBalances(() => undefined)).rejects.toThrow(
      /refused, or lost/,
    )
  })
})
