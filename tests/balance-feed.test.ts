import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BalanceFeed } from '../functions/_lib/stream/balance-feed.ts'
import { STREAM_GAP_WAIT_MS, STREAM_HELD_MAX, STREAM_VERSIONS_KEPT_MAX } from '../functions/_lib/limits.ts'

const push = (version: number, token = 'USDT') => ({
  account: 'a',
  token,
  available: String(version),
  frozen: '0',
  version,
  ts: 1,
})
const versions = (pushes: { version: number }[]) => pushes.map(({ version }) => version)
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, at) => first + at)
const started = (...rows: ReturnType<typeof push>[]) => {
  const feed = new BalanceFeed()
  feed.beginSnapshot()
  feed.endSnapshot(rows, 0)
  return feed
}

describe('the order of what a socket is sent', () => {
  test('whatever the order of arrival, all versions go out in order, each once', () => {
    const shuffled = fc.shuffledSubarray(upTo(30, 4), { minLength: 27, maxLength: 27 })
    fc.assert(
      fc.property(shuffled, (arrivals) => {
        const feed = started(push(3))
        const sent = arrivals.flatMap((version) => feed.offer([push(version), push(version)], 0))
        expect(versions(sent)).toEqual(upTo(30, 4))
        expect(feed.dueAt).toBeUndefined()
      }),
    )
  })

  test('a version that does not come is waited for, then given up; when it comes late it is never sent', () => {
    const feed = started(push(1))
    expect(feed.offer([push(4), push(3)], 1000)).toEqual([])
    expect(feed.dueAt).toBe(1000 + STREAM_GAP_WAIT_MS)
    expect(feed.release(999 + STREAM_GAP_WAIT_MS)).toEqual([])
    expect(versions(feed.release(1000 + STREAM_GAP_WAIT_MS))).toEqual([3, 4])
    expect(feed.offer([push(2)], 2000)).toEqual([])
    expect(versions(feed.offer([push(5)], 2000))).toEqual([5])
  })

  test('one token that waits holds no other back', () => {
    const feed = started(push(1), push(1, 'DF'))
    expect(versions(feed.offer([push(3), push(2, 'DF')], 0))).toEqual([2])
  })

  test('the first change of a token the snapshot did not have is version 1', () => {
    const feed = started()
    expect(feed.offer([push(2)], 0)).toEqual([])
    expect(versions(feed.offer([push(1)], 0))).toEqual([1, 2])
  })

  test('what came while the snapshot was read follows it, and what it has already is not sent again', () => {
    const feed = new BalanceFeed()
    feed.beginSnapshot()
    expect(feed.offer([push(6), push(5), push(7)], 0)).toEqual([])
    expect(versions(feed.endSnapshot([push(5)], 0))).toEqual([5, 6, 7])
  })

  test('a snapshot in the middle fills the gap it covers', () => {
    const feed = started(push(1))
    expect(feed.offer([push(4)], 0)).toEqual([])
    feed.beginSnapshot()
    expect(versions(feed.endSnapshot([push(3)], 0))).toEqual([3, 4])
    expect(feed.dueAt).toBeUndefined()
  })

  test('a snapshot from a replica that lags never takes a client back', () => {
    const feed = started(push(9))
    feed.beginSnapshot()
    expect(feed.endSnapshot([push(8)], 0)).toEqual([])
  })

  test('what waits is bounded: past the limit it goes out with the gap showing', () => {
    const feed = started(push(1))
    const sent = upTo(STREAM_HELD_MAX + 3, 3).flatMap((version) => feed.offer([push(version)], 0))
    expect(versions(sent)).toEqual(upTo(STREAM_HELD_MAX + 3, 3))
  })
})

describe('what is remembered over a sleep', () => {
  test('the last version of each token', () => {
    const feed = new BalanceFeed(started(push(7)).memory)
    expect(versions(feed.offer([push(7), push(9), push(8)], 0))).toEqual([8, 9])
  })

  test('of too many tokens the last changed ones; a forgotten one is sent as it comes', () => {
    const rows = upTo(STREAM_VERSIONS_KEPT_MAX + 1).map((at) => push(5, `TOKEN${at}`))
    const { memory } = started(...rows)
    expect(memory.sent).toHaveLength(STREAM_VERSIONS_KEPT_MAX)
    expect(JSON.stringify(memory).length).toBeLessThan(16 * 1024 - 200)
    const feed = new BalanceFeed(memory)
    expect(versions(feed.offer([push(6, 'TOKEN1'), push(4, 'TOKEN2')], 0))).toEqual([6])
  })
})
