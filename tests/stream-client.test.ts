/** How functions tell the object that holds an account's sockets. */
import { expect, test } from 'vitest'
import type { Push } from '../db/client.ts'

/** By a path that the compiler does not follow: it is a Worker's, and these are Node's types. */
const FILE = '../functions/_lib/stream/client.ts'
const { pushBalances, endStreams } = (await import(/* @vite-ignore */ FILE)) as {
  pushBalances(bindings: object, pushes: Push[]): Promise<void>
  endStreams(bindings: object, account: string, ended: object): Promise<void>
}

const push = (account: string, version: number): Push => ({
  ...{ account, token: 'DF', available: '1', frozen: '0', version, ts: 1 },
})
/** Objects that answer with these statuses, one after the other, and then well; what each was told. */
function streams(...statuses: number[]) {
  const told: [name: string, path: string, body: unknown][] = []
  let stubs = 0
  const STREAM = {
    idFromName: (name: string) => name,
    get: (name: string) => {
      stubs += 1
      return {
        fetch: async (url: string, { body }: { body: string }) => {
          told.push([name, new URL(url).pathname, JSON.parse(body)])
          return await Promise.resolve(new Response(null, { status: statuses.shift() ?? 204 }))
        },
      }
    },
  }
  return { STREAM, told, stubs: () => stubs }
}

test('each account is told its own balances in one call, and none of another’s', async () => {
  const { STREAM, told } = streams()
  await pushBalances({ STREAM }, [push('0xaa', 1), push('0xbb', 1), push('0xaa', 2)])
  expect(told).toEqual([
    ['0xaa', '/push', [push('0xaa', 1), push('0xaa', 2)]],
    ['0xbb', '/push', [push('0xbb', 1)]],
  ])
})

test('a push that an object refuses fails, for the log; without a stream there is nobody to tell', async () => {
  await expect(pushBalances(streams(500), [push('0xaa', 1)])).rejects.toThrow('answered 500')
  await expect(pushBalances({}, [push('0xaa', 1)])).resolves.toBeUndefined()
})

test('that a session has ended is told three times at most, each time to a new stub, until it is heard', async () => {
  const heard = streams(500, 503)
  await endStreams(heard, '0xaa', { id: 'one' })
  expect(heard.told).toEqual(Array.from({ length: 3 }, () => ['0xaa', '/sign-out', { id: 'one' }]))
  expect(heard.stubs()).toBe(3)
  const deaf = streams(500, 500, 500, 500)
  await expect(endStreams(deaf, '0xaa', { id: 'one' })).rejects.toThrow('answered 500')
  expect(deaf.told).toHaveLength(3)
})
