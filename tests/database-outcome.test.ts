/** What may be said of a statement that failed: each row is a way in which Postgres, its front or the network fails. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { callVerb, connect } from '../db/client.ts'
import { DatabaseError, LedgerRefusal } from '../db/errors.ts'
import { sql } from 'drizzle-orm'
import { isBusy, outcomeOf, type Outcome } from '../db/outcome.ts'
import { AFTER_SQL, BEFORE_SQL } from '../scripts/stack/neon-proxy-refusals.ts'

const SQLSTATES: Record<string, [Outcome, busy: boolean]> = {
  '08000': ['unknown', false],
  '08001': ['not_begun', false],
  '08003': ['unknown', false],
  '08004': ['not_begun', false],
  '08006': ['unknown', false],
  '08007': ['unknown', false],
  '08P01': ['unknown', false],
  '0A000': ['rolled_back', false],
  '22001': ['rolled_back', false],
  '23505': ['rolled_back', false],
  '25006': ['rolled_back', true],
  '25P02': ['rolled_back', false],
  '28000': ['not_begun', false],
  '28P01': ['not_begun', false],
  '3D000': ['not_begun', false],
  '3F000': ['rolled_back', false],
  '40000': ['rolled_back', true],
  '40001': ['rolled_back', true],
  '40003': ['unknown', true],
  '40P01': ['rolled_back', true],
  '42501': ['rolled_back', false],
  '42P01': ['rolled_back', false],
  '53000': ['rolled_back', true],
  '53100': ['rolled_back', true],
  '53200': ['rolled_back', true],
  '53300': ['not_begun', true],
  '54001': ['rolled_back', false],
  '55P03': ['rolled_back', true],
  '57000': ['rolled_back', false],
  '57014': ['rolled_back', true],
  '57P01': ['unknown', false],
  '57P02': ['unknown', false],
  '57P03': ['not_begun', true],
  '57P04': ['unknown', false],
  '57P05': ['unknown', false],
  '58030': ['unknown', false],
  P0001: ['rolled_back', false],
  XX000: ['unknown', false],
  XX001: ['unknown', false],
  ZZ999: ['unknown', false],
}

afterEach(() => vi.unstubAllGlobals())

/** What a verb throws when the network does this. */
async function thrownBy(answer: () => Response | Promise<Response>): Promise<DatabaseError> {
  let times = 0
  vi.stubGlobal('fetch', async () => {
    // Tried again for ever, no test would end.
    if (++times > 20) throw new Error('asked for too often')
    return await answer()
  })
  const db = connect('postgresql://u:p@db.example.com/d', 1_000)
  const error: unknown = await callVerb(db, sql`select ledger.verb() as result`).catch(
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(DatabaseError)
  return error as DatabaseError
}
const answered = ({ status, body }: { status: number; body: unknown }) =>
  typeof body === 'string' ? new Response(body, { status }) : Response.json(body, { status })

describe('a statement that failed', () => {
  test.each(Object.entries(SQLSTATES))('with SQLSTATE %s is %o', async (code, [outcome, busy]) => {
    expect([outcomeOf({ sqlstate: code }), isBusy(code)]).toEqual([outcome, busy])
    for (const status of [400, 500]) {
      const error = await thrownBy(() => answered({ status, body: { message: 'said', code } }))
      expect([error.outcome, error.busy, error.sqlstate]).toEqual([outcome, busy, code])
    }
  })

  test('with words of a refusal is told by its SQLSTATE all the same: only a lost connection’s words count', async () => {
    const words = [
      'Shutting down',
      'query_wait_timeout',
      'Failed to acquire permit to connect to the database',
    ]
    for (const message of words) {
      const outcomes: Outcome[] = []
      for (const code of ['08P01', '08006', '57P01', 'XX000', '40003', 'ZZ999'])
        outcomes.push((await thrownBy(() => answered({ status: 400, body: { message, code } }))).outcome)
      expect([message, ...outcomes]).toEqual([
        message,
        ...['not_begun', 'not_begun', 'unknown', 'unknown', 'unknown', 'unknown'],
      ])
    }
  })

  test.each(Object.entries(BEFORE_SQL))('and whose front said %s has not begun', async (_name, answer) => {
    const error = await thrownBy(() => answered(answer))
    expect([error.outcome, error.nothingDone]).toEqual(['not_begun', true])
  })

  test.each(Object.entries(AFTER_SQL))(
    'and whose front said %s may have been carried out',
    async (_name, answer) => {
      const error = await thrownBy(() => answered(answer))
      expect([error.outcome, error.nothingDone]).toEqual(['unknown', false])
    },
  )

  const network = (code: string) =>
    new TypeError('fetch failed', { cause: Object.assign(new Error(), { code }) })
  test.each([
    ['ECONNREFUSED', 'not_begun'],
    ['ENOTFOUND', 'not_begun'],
    ['EAI_AGAIN', 'not_begun'],
    ['EHOSTUNREACH', 'not_begun'],
    ['ENETUNREACH', 'not_begun'],
    ['UND_ERR_CONNECT_TIMEOUT', 'not_begun'],
    ['ETIMEDOUT', 'unknown'],
    ['ECONNRESET', 'unknown'],
    ['EPIPE', 'unknown'],
    ['UND_ERR_SOCKET', 'unknown'],
    ['UND_ERR_HEADERS_TIMEOUT', 'unknown'],
  ] as const)('on the network with %s is %s', async (code, outcome) => {
    const error = await thrownBy(() => {
      throw network(code)
    })
    expect(error.outcome).toBe(outcome)
  })

  test('with an error that proves nothing, or an answer that cannot be read, may have been carried out', async () => {
    for (const fail of [
      () => {
        throw new Error('Network connection lost.')
      },
      () => {
        throw new DOMException('The operation was aborted due to timeout', 'TimeoutError')
      },
      () => new Response('<html>', { status: 200 }),
      () => new Response('{"fields":', { status: 200 }),
      () => new Response('', { status: 500 }),
      () => new Response('<html>', { status: 400 }),
      () => new Response('', { status: 520 }),
      () => new Response('', { status: 522 }),
      () => new Response('', { status: 524 }),
      () => Response.json({ message: 'unheard of', code: '' }, { status: 400 }),
    ])
      expect((await thrownBy(fail)).outcome).toBe('unknown')
  })

  /** How often a verb was asked for, and what became of it, where the first answers are these and then a good one. */
  async function asked(...first: (() => Response)[]): Promise<{ times: number; result: unknown }> {
    let times = 0
    vi.stubGlobal('fetch', async () => {
      times += 1
      const row = {
        fields: [{ name: 'result', dataTypeID: 25 }],
        rows: [['good']],
        command: 'SELECT',
        rowCount: 1,
      }
      return await Promise.resolve(first[times - 1]?.() ?? Response.json(row))
    })
    const db = connect('postgresql://u:p@db.example.com/d', 1_000)
    const result = await callVerb(db, sql`select ledger.verb() as result`).catch((error: unknown) => error)
    return { times, result }
  }
  const refused = (code: string) => () => Response.json({ message: 'said', code }, { status: 400 })

  test('because an amount would outgrow its column is a refusal of the amount, and no failure', async () => {
    const { times, result } = await asked(refused('22003'))
    expect([times, result]).toEqual([1, new LedgerRefusal('invalid_amount', undefined)])
  })

  test('in time is asked for with a time limit: no call waits for ever', async () => {
    let hasLimit = false
    vi.stubGlobal(
      'fetch',
      async (_url: string, { signal }: RequestInit) =>
        await new Promise((_, reject) => {
          hasLimit = signal instanceof AbortSignal
          if (!hasLimit) return reject(new Error('no limit'))
          signal!.addEventListener('abort', () => reject(signal!.reason as unknown as Error))
        }),
    )
    const db = connect('postgresql://u:p@slow.example.com/d', 10)
    const error: unknown = await callVerb(db, sql`select 1`).catch((thrown: unknown) => thrown)
    expect([hasLimit, (error as DatabaseError).outcome]).toEqual([true, 'unknown'])
  })

  test.each(['40001', '40P01'])('with %s is asked for again, three times at most', async (code) => {
    for (const conflicts of [0, 1, 2, 3])
      expect(await asked(...Array.from({ length: conflicts }, () => refused(code)))).toEqual({
        times: conflicts + 1,
        result: 'good',
      })
    const { times, result } = await asked(...Array.from({ length: 9 }, () => refused(code)))
    expect([times, (result as DatabaseError).sqlstate]).toEqual([4, code])
  })

  test('in any other way is never asked for again: it may have moved money', async () => {
    const others = Object.keys(SQLSTATES).filter((code) => !['40001', '40P01'].includes(code))
    for (const code of others) expect([code, (await asked(refused(code))).times]).toEqual([code, 1])
    for (const status of [500, 502, 503, 504, 520, 522, 524])
      expect((await asked(() => new Response('', { status }))).times).toBe(1)
    const cut = await asked(() => {
      throw new TypeError('fetch failed')
    })
    expect([cut.times, (cut.result as DatabaseError).outcome]).toEqual([1, 'unknown'])
  })

  test('waits for its turn, and has not begun when none came', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    try {
      let asked = 0
      const answers: (() => void)[] = []
      vi.stubGlobal('fetch', async () => {
        asked += 1
        await new Promise<void>((resolve) => answers.push(resolve))
        return Response.json({ fields: [], rows: [], command: 'SELECT', rowCount: 0 })
      })
      const db = () => connect('postgresql://u:p@turns.example.com/d', 4_000)
      const call = async () => await callVerb(db(), sql`select 1`).catch((error: unknown) => error)
      const calls = Array.from({ length: 40 }, call)
      await vi.advanceTimersByTimeAsync(1)
      expect(asked).toBe(20)
      // Three of the 5 s that a caller has are the lock's and its answer's.
      await vi.advanceTimersByTimeAsync(1_900)
      expect(asked).toBe(20)
      for (const answer of answers) answer()
      await vi.advanceTimersByTimeAsync(1)
      const errors = await Promise.all(calls)
      const notBegun = errors.filter(
        (error) => error instanceof DatabaseError && error.outcome === 'not_begun',
      )
      expect(notBegun).toHaveLength(20)
      // Calls whose callers hung up end without a word; their turns come back with the time limit.
      const abandoned = Array.from({ length: 20 }, call)
      await vi.advanceTimersByTimeAsync(1)
      expect([asked, abandoned.length]).toEqual([40, 20])
      await vi.advanceTimersByTimeAsync(4_100)
      void call()
      await vi.advanceTimersByTimeAsync(10)
      expect(asked).toBe(41)
    } finally {
      vi.useRealTimers()
    }
  })
})
