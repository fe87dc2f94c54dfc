/** What is typed: each command understands all of its arguments before it does anything, or says in one line what is wrong. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { decisionOf } from '../scripts/alerts/decide.ts'
import { UsageError } from '../scripts/stack/command.ts'
import { projectRoot } from '../scripts/stack/manifest.ts'
import { ownersFault } from '../scripts/stack/owner.ts'
import { runScript as run } from './support/script.ts'

const SPAWN_MS_MAX = 120_000
const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
}
/** dev:wrangler hands on what it is given, as wrangler takes it. */
const commands = Object.entries(scripts).flatMap(([name, line]) => {
  const found = /(scripts\/[\w-]+\.ts)(?: (\w+))?$/.exec(line)
  return found && name !== 'dev:wrangler' ? [[name, found.slice(1).filter(Boolean)] as const] : []
})
const examples = ['bot', 'subaccounts', 'withdraw'].map(
  (name) => [name, [`scripts/examples/${name}.ts`]] as const,
)

const STACK_TRACE = /^ {4}at /m

describe('a command', () => {
  test.each([...commands, ...examples])(
    '%s refuses an argument that it does not know, before it does anything',
    async (_name, script) => {
      const { code, out, error } = await run([...script, '--nonsense'])
      expect([code, out]).toEqual([2, ''])
      expect(error).not.toMatch(STACK_TRACE)
      expect(error).not.toBe('')
    },
    SPAWN_MS_MAX,
  )

  test.each([
    ['verify', ['scripts/verify.ts', 'nonsense']],
    ['demo', ['scripts/demo.ts', 'nonsense']],
    ['settle', ['scripts/settle.ts', 'nonsense']],
    ['resume', ['scripts/pause.ts', 'resume', 'nonsense', '--why', 'x']],
    ['reconcile', ['scripts/reconcile.ts', 'nonsense', '--why', 'x']],
    ['token', ['scripts/token.ts', 'nonsense']],
    ['pause without a reason', ['scripts/pause.ts', 'pause', '--why', ' ']],
    ['pause with two reasons', ['scripts/pause.ts', 'pause', '--why', 'x', '--why', 'y']],
    ['a list with a reason', ['scripts/alerts.ts', '--why', 'x']],
    ['the bot without a key', ['scripts/examples/bot.ts', 'http://127.0.0.1:1']],
    ['time back', ['scripts/chain.ts', 'time', '-5']],
  ])(
    '%s ends with 2 and a usage line',
    async (_name, words) => {
      const { code, out, error } = await run(words, { OWNER_DATABASE_URL: 'postgresql://x:y@127.0.0.1:1/z' })
      expect([code, out]).toEqual([2, ''])
      expect(error).toMatch(/usage/)
      expect(error).not.toMatch(STACK_TRACE)
    },
    SPAWN_MS_MAX,
  )

  test.each([
    [['scripts/chain.ts', 'tiem', '+5'], 'tiem: no such command; there are status, mine, time, deposit'],
    [['scripts/chain.ts', 'mine'], 'mine: <blocks> is missing'],
    [['scripts/chain.ts', 'mine', '1', '2'], 'mine: 2 is one word too many'],
    [['scripts/chain.ts', 'mine', '-1'], '-1: nothing here may be below zero'],
    [['scripts/alerts.ts', 'rescan', '-15', '--why', 'x'], '-15: nothing here may be below zero'],
  ])(
    'with %j names the word that cannot be meant, and asks nobody',
    async (words, line) => {
      const { code, out, error } = await run(words, { OWNER_DATABASE_URL: 'postgresql://x:y@127.0.0.1:1/z' })
      expect([code, out, error.split('\n').slice(0, 2)]).toEqual([
        2,
        '',
        [line, expect.stringMatching(/^usage/)],
      ])
    },
    SPAWN_MS_MAX,
  )

  test(
    'whose reader has gone says nothing of it, and ends well',
    async () => {
      const sh = promisify(execFile)
      const script = 'set -o pipefail; node_modules/.bin/tsx scripts/alerts.ts --help | true'
      const { stderr } = await sh('bash', ['-c', script], { cwd: projectRoot })
      expect(stderr).toBe('')
    },
    SPAWN_MS_MAX,
  )

  test.each([
    ['alerts', ['scripts/alerts.ts']],
    ['verify', ['scripts/verify.ts']],
    ['pause', ['scripts/pause.ts', 'pause', '--why', 'x']],
    ['reconcile', ['scripts/reconcile.ts', '--why', 'x']],
    ['migrate', ['scripts/migrate.ts']],
  ])(
    '%s says in one line that its database does not answer, and ends with 1',
    async (_name, words) => {
      const { code, out, error } = await run(words, { OWNER_DATABASE_URL: 'postgresql://x:y@127.0.0.1:1/z' })
      expect([code, out]).toEqual([1, ''])
      expect(error).toMatch(/^the database of OWNER_DATABASE_URL does not answer: .*\n$/)
    },
    SPAWN_MS_MAX,
  )

  test.each([
    ['the bot', ['scripts/examples/bot.ts', 'http://127.0.0.1:1', `0x${'11'.repeat(32)}`]],
    ['the one of subaccounts', ['scripts/examples/subaccounts.ts', '/nowhere/dev.json']],
    [
      'the one of withdrawals',
      [
        'scripts/examples/withdraw.ts',
        ...['--origin', 'http://127.0.0.1:1', '--key', `0x${'11'.repeat(32)}`, '--rpc', 'http://127.0.0.1:1'],
      ],
    ],
  ])(
    '%s of the examples says in one line that no stack runs',
    async (_name, words) => {
      const { code, out, error } = await run(words)
      expect([code, out]).toEqual([1, ''])
      expect(error).toMatch(/^.*is `npm run dev` running\?\n$/)
    },
    SPAWN_MS_MAX,
  )

  test('at the local stack asks whether it runs when Postgres is away, and names the cure where there is no ledger', () => {
    const told = (code: string, local: boolean) =>
      (ownersFault(Object.assign(new Error('said'), { code }), local) as Error).message
    for (const code of ['ECONNREFUSED', 'ECONNRESET', '57P01', '57P03'])
      expect(told(code, true)).toBe('the local stack’s Postgres does not answer; is `npm run dev` running?')
    expect(told('42P01', false)).toContain('npm run migrate')
    expect(told('28P01', true)).toBe('said')
  })
})

describe('a decision about an alert', () => {
  const UUID = '01a1fd99-2ea6-7f91-83dc-fca998995466'
  const HASH = `0x${'ab'.repeat(32)}`
  const ACCOUNT = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266'
  const IDS = [
    'abc',
    '-1',
    '99999999999999999999999999',
    '',
    UUID.slice(1),
    `${UUID}0`,
    '1; drop table alerts',
  ]
  const WHOLES = ['abc', '-1', '1.5', '1e3', '0x10', '', '01', '9'.repeat(16)]
  const bad: [verb: string, words: string[]][] = [
    ...['resolve', 'void', 'settle-debt', 'returned'].flatMap((verb) =>
      [...IDS.map((id) => [id]), [], [UUID, 'more']].map((words): [string, string[]] => [verb, words]),
    ),
    ...['retry', 'resolve-log', 'book'].flatMap((verb) =>
      [
        ['abc'],
        ['0x12'],
        [HASH, 'abc'],
        [HASH, `${'ab'.repeat(32)}`],
        [],
        [HASH, `${'ab'.repeat(32)}-0`, 'x'],
      ].map((words): [string, string[]] => [verb, words]),
    ),
    ...WHOLES.flatMap((n): [string, string[]][] => [
      ['rescan', [n]],
      ['accept-counter', [ACCOUNT, n]],
      ['disown', [ACCOUNT, n]],
    ]),
    ...['explain', 'take-back'].flatMap((verb) =>
      ['abc', '-1', '0', '0.0', '1.', '.5', '1e3', '9'.repeat(21), `1.${'1'.repeat(19)}`, ''].map(
        (amount): [string, string[]] => [verb, ['DF', amount]],
      ),
    ),
    ['explain', ['DF']],
    ['explain', ['', '1']],
    ['accept-counter', ['abc', '1']],
    ['accept-counter', [ACCOUNT]],
    ['accept-counter', [ACCOUNT, '1', 'abc']],
    ['accept-counter', ['AKnL4NNf3DGWZJS6cPknBuEGnVsV4A4m5tgebLHaRSZ9', '1']],
    ['disown', []],
    ['disown', ['0xF39fd6e51aad88f6f4ce6ab8827279cfffb92266']],
    ['nonsense', [UUID]],
    ['__proto__', []],
    ['toString', []],
  ]

  test.each(bad)('%s %j is refused before the database is asked', (verb, words) => {
    const decided = () => decisionOf([verb, ...words], 'usage: …')
    expect(decided).toThrow(UsageError)
    expect(decided).toThrow(new RegExp(`^${verb.replaceAll(/[^\w-]/g, '.')}: .{8}`))
  })

  test('with words that can be meant reaches the database as they were typed', async () => {
    const asked: unknown[][] = []
    const query = async (_text: string, params: unknown[] = []) => {
      asked.push(params)
      return [{ done: true }] as never
    }
    const said = { why: 'looked', by: undefined, notOurs: false }
    await decisionOf(['resolve', UUID.toUpperCase()], '')(query, said)
    await decisionOf(['rescan', '0'], '')(query, said)
    expect(asked).toEqual([[UUID, 'looked'], ['0']])
  })
})
