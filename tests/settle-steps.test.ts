/** What a run of settle does when, step by step: the steps themselves are told here what they find. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Push } from '../db/client.ts'
import { DatabaseError } from '../db/errors.ts'
import type { SettledEvents } from '../db/ledger/settle-events.ts'
import { ChainError } from '../functions/_lib/chain/fault.ts'
import { EXPIRE_BATCH, STALE_RESERVATIONS_BATCH, SETTLE_PUSHES_MAX } from '../functions/_lib/limits.ts'
import type { Run, SettleEnv, Summary } from '../functions/_lib/settle/context.ts'

/** Each step by name, in the order they were asked for. */
const { asked, step } = vi.hoisted(() => {
  const asked: [name: string, ...args: unknown[]][] = []
  const steps = new Map<string, (...args: unknown[]) => unknown>()
  const step = (name: string, does?: (...args: any[]) => unknown) => {
    if (does) steps.set(name, does)
    return async (...args: unknown[]) => {
      asked.push([name, ...args])
      return await Promise.resolve(steps.get(name)?.(...args))
    }
  }
  return { asked, step }
})
vi.mock('../db/ledger/alerts.ts', () => ({ raiseAlert: step('alert'), alertsNotified: step('notified') }))
vi.mock('../db/ledger/other-vaults.ts', () => ({ otherVaults: step('otherVaults') }))
vi.mock('../db/ledger/stale-reservations.ts', () => ({
  staleReservations: step('stale'),
  endReservations: step('endStale'),
}))
vi.mock('../db/ledger/listed-deposits.ts', () => ({ creditListedDeposits: step('credit') }))
vi.mock('../db/ledger/settle-events.ts', () => ({ settleEvents: step('events') }))
vi.mock('../db/ledger/settle-run.ts', () => ({ upkeep: step('upkeep'), finishRun: step('finish') }))
vi.mock('../db/ledger/coins.ts', () => ({ checkHoldings: step('holdings') }))
vi.mock('../db/ledger/counter.ts', () => ({
  doubtedAccounts: step('doubted'),
  settleCounters: step('counters'),
}))
vi.mock('../db/ledger/expire.ts', () => ({ dueWithdrawals: step('due'), expire: step('expire') }))
vi.mock('../db/ledger/solvency.ts', () => ({
  checkOpenWithdrawals: step('open'),
  tokensToCheck: step('tokens'),
}))
vi.mock('../db/ledger/vault-state.ts', () => ({
  vaultDiffers: step('differs'),
  notAVault: step('notAVault'),
}))
vi.mock('../functions/_lib/settle/logs.ts', () => ({
  readUpToFinalBlock: step('read'),
  rescan: step('rescan'),
}))
vi.mock('../functions/_lib/settle/vaults.ts', () => ({ followOthers: step('others') }))

const { settle } = await import('../functions/_lib/settle/run.ts')
const { NOTHING_ASKED } = await import('../functions/_lib/settle/context.ts')
const { settleStored } = await import('../functions/_lib/settle/events.ts')
const { expireDue } = await import('../functions/_lib/settle/expiry.ts')
const { settleDoubts } = await import('../functions/_lib/settle/counters.ts')
const { concludeNodes } = await import('../functions/_lib/settle/alerts.ts')
const { checkVault, holdingsAt } = await import('../functions/_lib/settle/vault-state.ts')

const SAFE = { number: 7, hash: '0x07', timestamp: 1_000 }
const NOTHING: SettledEvents = {
  ...{ claimed: 0, waiting: false, confirmed: 0, deposited: 0, quarantined: 0, pushes: [] },
}
const BUSY = new DatabaseError('rolled_back', true, '55P03', undefined)
const UNDONE = new DatabaseError('rolled_back', false, '42883', undefined)
const LOST = new DatabaseError('unknown', false, undefined, undefined)
const ENV = {
  ...{ CHAIN_ID: 1, VAULT_ADDRESS: '0x11', VAULT_DEPLOY_BLOCK: 0, FINALITY: 'finalized' },
  ...{ RPC_URL: ['https://node.example.com'], RPC_QUORUM: 1, RESERVATION_TTL_SECONDS: 120 },
  SETTLE_DATABASE_URL: 'postgresql://tidegate_settle:p@db.example.com/d',
  TESTNET_ONLY: false,
} as unknown as SettleEnv
const push = (account: string): Push => ({
  ...{ account, token: 'DF', available: '1', frozen: '0', version: 1, ts: 1 },
})

beforeEach(() => {
  asked.length = 0
  vi.spyOn(console, 'log').mockImplementation(() => undefined)
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
  step('alert', () => undefined)
  step('stale', () => [])
  step('upkeep', () => ({ doubts: false, listed: false, others: [] }))
  step('read', () => undefined)
  step('events', () => NOTHING)
  step('open', () => 0)
  step('otherVaults', () => [])
  step('finish', () => ({ open: 0, tell: [] }))
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

const names = () => asked.map(([name]) => name)
const alerts = () => asked.flatMap(([name, , kind]) => (name === 'alert' ? [kind] : []))
/** What the run told its end: the summary, and the kinds of alert that are over. */
const finished = () => {
  const [, , told] = asked.find(([name]) => name === 'finish') ?? []
  return told as { summary: Summary; cleared: string[] }
}
async function run(env: Partial<SettleEnv> = {}, tell: (pushes: Push[]) => Promise<void> = async () => {}) {
  return await settle({ ...ENV, ...env }, tell).then(
    (summary) => ({ summary, error: undefined }),
    (error: unknown) => ({ summary: undefined, error }),
  )
}

describe('a run', () => {
  test('ends dead reservations, keeps up, reads, settles, checks and ends, in this order', async () => {
    expect((await run()).summary).toMatchObject({ outcome: 'ok' })
    expect(names()).toEqual(['stale', 'upkeep', 'read', 'events', 'others', 'open', 'finish'])
    expect(finished().cleared).toContain('settle_failed')
  })

  test('ends batch after batch of dead reservations, signed or given back, until one is not full', async () => {
    const batches = [STALE_RESERVATIONS_BATCH, STALE_RESERVATIONS_BATCH, STALE_RESERVATIONS_BATCH - 1, 1].map(
      (size) => Array.from({ length: size }, (_, n) => `${size} ${n}`),
    )
    const ids = batches.slice(0, 3)
    step('stale', () => batches.shift())
    // Of each batch one had been signed.
    step('endStale', (_db, [first, ...others]: string[]) => ({
      ...{ released: others.length, signed: [first], pushes: [] },
    }))
    expect((await run()).summary).toMatchObject({ released: 3 * STALE_RESERVATIONS_BATCH - 4 })
    expect(asked.flatMap(([name, , ttl, limit]) => (name === 'stale' ? [[ttl, limit]] : []))).toEqual(
      Array.from({ length: 3 }, () => [120, STALE_RESERVATIONS_BATCH]),
    )
    expect(asked.flatMap(([name, , batch]) => (name === 'endStale' ? [batch] : []))).toEqual(ids)
  })

  test('whose upkeep is undone settles all the same, looks for what that would have told, and fails at its end', async () => {
    step('upkeep', () => Promise.reject(UNDONE))
    expect((await run()).error).toBe(UNDONE)
    expect(names()).toEqual([
      ...['stale', 'upkeep', 'read', 'events', 'credit', 'otherVaults', 'others', 'open'],
      ...['alert', 'open', 'finish'],
    ])
    expect(alerts()).toEqual(['settle_failed'])
    expect(finished()).toMatchObject({ summary: { outcome: 'failed' } })
    expect(finished().cleared).not.toContain('settle_failed')
  })

  test('whose upkeep may have been done goes no further: nothing is known of the database', async () => {
    step('upkeep', () => Promise.reject(LOST))
    expect((await run()).error).toBe(LOST)
    expect(names()).toEqual(['stale', 'upkeep', 'alert', 'open', 'finish'])
  })

  test('that breaks off checks what is frozen before it ends, and is failed whatever that finds', async () => {
    step('read', () => Promise.reject(LOST))
    step('open', () => Promise.reject(UNDONE))
    expect((await run()).error).toBe(LOST)
    expect(names().slice(-3)).toEqual(['alert', 'open', 'finish'])
    expect(asked.find(([name]) => name === 'alert')?.slice(2)).toEqual([
      'settle_failed',
      { sqlstate: null, outcome: 'unknown' },
    ])
  })

  test('that Postgres cannot be told of is told to a person by the webhook, once', async () => {
    const told: unknown[] = []
    vi.stubGlobal('fetch', async (url: string, { body }: { body: string }) => {
      told.push([url, (JSON.parse(body) as { kind: string }).kind])
      return await Promise.resolve(new Response(null, { status: 204 }))
    })
    step('read', () => Promise.reject(LOST))
    step('alert', () => Promise.reject(LOST))
    const url = 'https://hooks.example.com/x'
    expect((await run({ ALERT_WEBHOOK_URL: url })).error).toBe(LOST)
    expect(told).toEqual([[url, 'settle_failed']])
  })

  test('tells the streams what moved, at most so many accounts, also where it broke off; and a stream that is down harms nobody', async () => {
    const pushes = Array.from({ length: SETTLE_PUSHES_MAX + 1 }, (_, n) => push(`0x${n}`))
    const told: Push[][] = []
    const tell = async (heard: Push[]) => {
      told.push(heard)
      return await Promise.reject(new Error('down'))
    }
    step('stale', () => ['a'])
    step('endStale', () => ({ released: 1, signed: [], pushes: [push('0x0'), ...pushes] }))
    expect((await run({}, tell)).summary).toMatchObject({ outcome: 'ok' })
    step('read', () => Promise.reject(LOST))
    expect((await run({}, tell)).error).toBe(LOST)
    const wanted = [push('0x0'), ...pushes.slice(0, SETTLE_PUSHES_MAX)]
    expect(told).toEqual([wanted, wanted])
  })

  test('goes on without the chain where a node fails, says so, and closes no alert of a node', async () => {
    step('read', () => Promise.reject(new ChainError('timeout' as never, 'eth_getLogs')))
    expect((await run()).summary).toMatchObject({ outcome: 'rpc_unavailable' })
    expect(names()).toEqual(['stale', 'upkeep', 'read', 'alert', 'events', 'others', 'open', 'finish'])
    expect(alerts()).toEqual(['rpc_unavailable'])
    expect(finished().cleared).toEqual(['settle_failed'])
  })
})

describe('stored events', () => {
  const after = async (...answers: (Partial<SettledEvents> | Error)[]) => {
    step('events', () => {
      const answer = answers.shift() ?? expect.fail('asked for more')
      return answer instanceof Error ? Promise.reject(answer) : { ...NOTHING, ...answer }
    })
    return await settleStored(runOf()).catch((error: unknown) => error)
  }

  test('are all settled where nothing is left, and not where one waits, whoever has it', async () => {
    expect(await after({ claimed: 3 }, { claimed: 1 }, {})).toBe(true)
    expect(await after({ claimed: 3, waiting: true }, { waiting: true })).toBe(false)
    expect(await after({ waiting: true })).toBe(false)
  })

  test('wait where a row is busy, which the run says at its end after all its other work, and whatever else goes wrong is no waiting', async () => {
    expect(await after(BUSY)).toBe(false)
    asked.length = 0
    step('events', () => Promise.reject(BUSY))
    expect((await run()).error).toBe(BUSY)
    expect(names()).toEqual([
      'stale',
      'upkeep',
      'read',
      'events',
      'others',
      'open',
      'alert',
      'open',
      'finish',
    ])
    expect([alerts(), finished().cleared]).toEqual([['settle_failed'], []])
    for (const error of [UNDONE, LOST]) expect(await after(error)).toBe(error)
  })

  test('are not all settled where the budget ended before they did', async () => {
    const run = runOf({ spent: 40 })
    expect(await settleStored(run)).toBe(false)
    expect([names(), run.summary.outcome]).toEqual([[], 'budget'])
  })

  test('count as they were settled, and are told', async () => {
    const run = runOf()
    const batches = [{ claimed: 4, confirmed: 1, deposited: 2, quarantined: 1, pushes: [push('0xaa')] }]
    step('events', () => ({ ...NOTHING, ...batches.shift() }))
    await settleStored(run)
    expect([run.summary, run.pushes]).toMatchObject([
      { confirmed: 1, deposited: 2, quarantined: 1 },
      [push('0xaa')],
    ])
  })
})

/** A run in its middle. */
function runOf({ spent = 0, block = SAFE }: { spent?: number; block?: typeof SAFE } = {}): Run {
  const chain = {
    counters: async (accounts: string[], at: number) =>
      await Promise.resolve({
        block: { ...block, number: at },
        counters: new Map(accounts.map((account) => [account, '0'])),
      }),
    vault: async () => await Promise.resolve({ block, vault: {}, holdings: new Map([['0xdf', '5']]) }),
  }
  return {
    env: ENV,
    key: { chainId: 1, vault: '0x11' },
    db: { spent: { roundTrips: 0, ms: 0 } },
    nodes: { spent: { requests: spent }, failures: new Map(), disagreements: [], all: [{}] },
    since: NOTHING_ASKED,
    chain,
    witnessCalls: 0,
    summary: { outcome: 'ok', confirmed: 0, deposited: 0, expired: 0, released: 0, quarantined: 0 },
    pushes: [],
    firstBlock: 0,
    keptBack: 0,
    turns: [],
    isOther: false,
    cleared: new Set(),
  } as unknown as Run
}

/** The same number, and not the same block: the chain went another way, or the node lies. */
const REPLACED = { ...SAFE, hash: '0x77' }

describe('an expiry', () => {
  const due = [{ id: 'a', account: '0xaa', deadline: 900 }]
  const expired = { expired: 1, unproved: [], unproved_since: null, pushes: [push('0xaa')] }

  test('is proved on the final block, told by its hash, and nothing expires on another of the same number', async () => {
    step('due', () => due)
    step('expire', () => expired)
    const good = runOf()
    const read = vi.spyOn(good.chain, 'counters')
    await expireDue(good, SAFE)
    expect([good.summary.expired, good.pushes, [...good.cleared]]).toEqual([
      1,
      [push('0xaa')],
      ['event_missing 1 0x11'],
    ])
    expect(read).toHaveBeenCalledWith(['0xaa'], SAFE.number)
    expect(asked.find(([name]) => name === 'expire')?.slice(2)).toEqual([
      good.key,
      SAFE,
      [{ id: 'a', nextNonce: '0' }],
    ])
    asked.length = 0
    const replaced = runOf({ block: REPLACED })
    await expect(expireDue(replaced, SAFE)).rejects.toThrow(ChainError)
    expect([names(), replaced.summary.expired, [...replaced.cleared]]).toEqual([['due'], 0, []])
  })

  test('is not proved for an account whose counter the node did not give', async () => {
    step('due', () => due)
    step('expire', () => ({ ...expired, expired: 0, pushes: [] }))
    const run = runOf()
    run.chain.counters = async () => await Promise.resolve({ block: SAFE as never, counters: new Map() })
    await expireDue(run, SAFE)
    expect(asked.find(([name]) => name === 'expire')?.at(-1)).toEqual([])
  })

  test('goes on batch after batch behind the last row, until one is not full', async () => {
    const batches = [EXPIRE_BATCH, EXPIRE_BATCH, 1].map((size) =>
      Array.from({ length: size }, (_, n) => ({ id: `${size} ${n}`, account: '0xaa', deadline: n })),
    )
    const last = batches.map((rows) => rows.at(-1))
    step('due', () => batches.shift() ?? expect.fail('asked for more'))
    step('expire', () => expired)
    const run = runOf()
    await expireDue(run, SAFE)
    const asked_ = asked.filter(([name]) => name === 'due').map((call) => call.slice(3))
    expect(asked_).toEqual([undefined, ...last.slice(0, 2)].map((after) => [1_000, EXPIRE_BATCH, after]))
    expect([run.summary.expired, run.pushes.length]).toEqual([3, 3])
  })

  test('leaves the alert of a missing payment open where the run did not read to its end', async () => {
    step('due', () => [])
    for (const outcome of ['budget', 'rpc_unavailable', 'nodes_disagree', 'failed'] as const) {
      const run = runOf()
      run.summary.outcome = outcome
      await expireDue(run, SAFE)
      expect([outcome, [...run.cleared]]).toEqual([outcome, []])
    }
  })
})

test('what the vault holds is read at the final block, told by its hash, and not at another of the same number', async () => {
  step('tokens', () => [{ symbol: 'DF', contract: '0xdf', due: true }])
  expect((await holdingsAt(runOf(), SAFE))?.inWei).toEqual(new Map([['0xdf', '5']]))
  await expect(holdingsAt(runOf({ block: REPLACED }), SAFE)).rejects.toThrow(ChainError)
})

test('a doubted counter is settled on the final block, told by its hash, and nothing is on another of the same number', async () => {
  step('doubted', () => ['0xaa'])
  const good = runOf()
  await settleDoubts(good, SAFE)
  expect(asked.at(-1)?.slice(2)).toEqual([good.key, SAFE, [{ account: '0xaa', counter: '0' }]])
  asked.length = 0
  await expect(settleDoubts(runOf({ block: REPLACED }), SAFE)).rejects.toThrow(ChainError)
  expect(names()).toEqual(['doubted'])
})

test('the alert of a node that is down closes where the nodes have answered, and only there', async () => {
  const closes = { ok: true, budget: true, no_vault: true, rpc_unavailable: false, nodes_disagree: false }
  for (const [outcome, isOver] of Object.entries(closes)) {
    const run = runOf({ spent: 1 })
    run.summary.outcome = outcome as Summary['outcome']
    await concludeNodes(run)
    expect([outcome, run.cleared.has('rpc_unavailable')]).toEqual([outcome, isOver])
  }
  const unasked = runOf()
  await concludeNodes(unasked)
  expect([...unasked.cleared]).toEqual([])
})

test('nothing expires and nothing is summed while an event waits, also where the chain was read to its final block', async () => {
  step('tokens', () => [])
  step('due', () => [])
  const VAULT_ADDRESS = `0x${'11'.repeat(20)}` as const
  const vault = { code: true, said: { signer: '0x5e', separator: '0x', paused: false } }
  step('read', (run: Run) => {
    run.cleared.add(`node_behind 1 ${VAULT_ADDRESS}`)
    const chain = { vault: async () => await Promise.resolve({ block: SAFE, vault, holdings: new Map() }) }
    return Object.assign(run, { safe: SAFE, chain }).safe
  })
  for (const waiting of [true, false]) {
    asked.length = 0
    step('events', () => ({ ...NOTHING, waiting }))
    expect((await run({ VAULT_ADDRESS })).error).toBeUndefined()
    const done = names().filter((name) => name === 'due' || name === 'holdings')
    expect([waiting, done]).toEqual([waiting, waiting ? [] : ['due', 'holdings']])
  }
})

test('a breach of solvency is enforced where nobody has said otherwise, and on a testnet it is reported', async () => {
  const pauses = async (env: Partial<SettleEnv>) => {
    const vault = { code: true, said: undefined }
    const run = { ...runOf(), env: { ...ENV, ...env } }
    await checkVault(run, SAFE, true, { listed: [], inWei: new Map(), vault })
    return asked.at(-1)?.[6]
  }
  expect(await pauses({ TESTNET_ONLY: false })).toBe(true)
  expect(await pauses({ TESTNET_ONLY: true })).toBe(false)
  expect(await pauses({ TESTNET_ONLY: true, SOLVENCY: 'enforce' })).toBe(true)
  expect(await pauses({ TESTNET_ONLY: false, SOLVENCY: 'report' })).toBe(false)
})
