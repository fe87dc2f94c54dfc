/** Work of a call that must come to its end although its caller is gone. */
import { expect, test, vi } from 'vitest'
import { open } from '../functions/_lib/access/open.ts'
import { endpoint } from '../functions/_lib/http/endpoint.ts'
import { serve } from '../functions/_lib/http/serve.ts'
import { ApiError } from '../functions/_lib/errors.ts'

/** A call of an endpoint that does this work, and what the runtime was asked to keep going. */
function callOf(work: () => Promise<object>) {
  const kept: Promise<unknown>[] = []
  const worker = serve(
    'test',
    endpoint({
      ...{ method: 'POST', path: '/work', summary: '', tag: '', access: open, errors: { NOT_FOUND: '' } },
      handle: async (call) => await call.complete(work),
    }),
  )
  const context = { waitUntil: (one: Promise<unknown>) => void kept.push(one) } as never
  const request = new Request('https://api.example.com/api/v1/work', { method: 'POST' })
  return { kept, answer: Promise.resolve(worker.fetch(request, { RATE_LIMITS: 'off' }, context)) }
}

test('is kept going by the runtime from its beginning to its end, and its result is the answer', async () => {
  let finish!: (result: object) => void
  const work = vi.fn(async () => await new Promise<object>((resolve) => (finish = resolve)))
  const { kept, answer } = callOf(work)
  await vi.waitFor(() => expect(work).toHaveBeenCalledOnce())
  expect(kept).toHaveLength(1)
  const ended = vi.fn()
  const all = Promise.all(kept).then(ended)
  await new Promise((resolve) => setImmediate(resolve))
  expect(ended).not.toHaveBeenCalled()
  finish({ done: true })
  expect(await (await answer).json()).toEqual({ done: true })
  await all
  expect(work).toHaveBeenCalledOnce()
})

test('that fails is an error of the call, and no failure of what the runtime keeps', async () => {
  const { kept, answer } = callOf(async () => await Promise.reject(new ApiError('NOT_FOUND', 'gone')))
  expect((await answer).status).toBe(404)
  expect(await Promise.allSettled(kept)).toEqual([{ status: 'fulfilled', value: undefined }])
})
