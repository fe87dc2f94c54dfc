import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { callLines, givenLines, requestLine, type Paint } from '../scripts/stack/dev-lines.ts'
import { projectRoot } from '../scripts/stack/manifest.ts'
import { Progress, together } from '../scripts/stack/progress.ts'

const plain: Paint = (_, text) => text
const named: Paint = (style, text) => `<${String(style)}>${text}`
const answered = { method: 'POST', path: '/api/v1/spot/transfer', status: 200, ms: 12, requestId: 'r-1' }

describe('the line of a request', () => {
  test('says what was asked, what was answered, how long it took and by which id the log has it', () => {
    expect(requestLine(answered, plain)).toBe('POST /api/v1/spot/transfer 200 12 ms r-1')
    expect(requestLine({ ...answered, requestId: undefined }, plain)).toBe(
      'POST /api/v1/spot/transfer 200 12 ms -',
    )
  })

  test.each([
    [200, 'green'],
    [101, 'green'],
    [304, 'green'],
    [400, 'yellow'],
    [429, 'yellow'],
    [500, 'red'],
    [503, 'red'],
    [undefined, 'red'],
  ])('has the color of its status %s', (status, color) => {
    expect(requestLine({ ...answered, status }, named)).toContain(`<${color}>${status ?? 'left'}`)
  })

  test('is left out for the cron, unless that fails', () => {
    const cron = { ...answered, method: 'GET', path: '/cdn-cgi/local/scheduled' }
    expect(requestLine(cron, plain)).toBeUndefined()
    for (const path of ['/playground.json', '/playground/chain'])
      expect(requestLine({ ...cron, path, status: 200 }, plain)).toBeUndefined()
    expect(requestLine({ ...cron, status: 500 }, plain)).toContain('/cdn-cgi/local/scheduled 500')
    expect(requestLine({ ...cron, status: undefined }, plain)).toContain('left')
  })
})

test('the README shows the calls that npm run dev prints, to the letter', () => {
  const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8')
  const shown = /<!-- first calls: begin[^]*?```sh\n([^]*?)\n```/.exec(readme)?.[1]
  const account = inject('stack').accounts[0]!.address.toLowerCase()
  expect(shown).toBe(callLines('http://127.0.0.1:8787/api/v1', account).join('\n'))
})

test('what the shell gave is said by name, never by value', () => {
  const given = {
    env: { TESTNET_ONLY: 'false', RPC_URL: 'http://user:hunter2@x' },
    taken: ['TESTNET_ONLY'],
    ignored: ['READS_DATABASE_URL'],
  }
  expect(givenLines(given)).toEqual([
    'from the environment: TESTNET_ONLY',
    'by --set: RPC_URL',
    'not taken from the environment, only by --set: READS_DATABASE_URL',
  ])
})

describe('progress', () => {
  test('names the steps that are not done yet, and says each that is', async () => {
    const said: string[] = []
    const progress = new Progress((line) => said.push(line))
    let finish!: (value: number) => void
    const slow = progress.step(
      'slow',
      async () => await new Promise<number>((resolve) => (finish = resolve)),
      String,
    )
    await progress.step(
      'quick',
      async () => 'x',
      (result) => `quick ${result}`,
    )
    expect([progress.pending, said]).toEqual([['slow'], ['quick x']])
    finish(7)
    await slow
    expect([progress.pending, said]).toEqual([[], ['quick x', '7']])
  })

  test('of two steps side by side tells the failure when both have ended, so that nothing is left to start', async () => {
    let ended = false
    const slow = new Promise<void>((resolve) => setImmediate(() => resolve())).then(() => void (ended = true))
    await expect(together(Promise.reject(new Error('first')), slow)).rejects.toThrow('first')
    expect(ended).toBe(true)
  })
})
