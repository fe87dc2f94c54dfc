/** What goes wrong when the local stack starts, and the one line that says so. */
import { execFile } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectRoot } from '../scripts/stack/manifest.ts'
import { nodeFault, startFault } from '../scripts/stack/start-fault.ts'
import { forgetStack, startStack } from '../scripts/stack/stack.ts'

const system = (code: string, path?: string) => Object.assign(new Error(`${code}: x`), { code, path })
const ONE_LINE = /^[^\n]+$/

describe('a failed start is one line with what to do', () => {
  test.each([
    ['ENOSPC', 'the disk is full (/data/x): make room'],
    ['EDQUOT', 'make room'],
    ['EACCES', 'may not write /data/x: give it to yourself (`sudo chown'],
    ['EPERM', 'may not write /data/x'],
    ['EROFS', 'read-only disk'],
    ['ENOTDIR', '/data/x is in the way'],
    ['EEXIST', '/data/x is in the way'],
    ['EMFILE', 'ulimit'],
  ])('%s', (code, said) => {
    const line = startFault(system(code, '/data/x'), '/folder')
    expect(line).toMatch(ONE_LINE)
    expect(line).toContain(said)
    expect(startFault(system(code), '/folder')).toMatch(code === 'EMFILE' ? ONE_LINE : /\/folder|disk/)
  })

  test.each([
    ['PANIC:  could not write to file "pg_wal/xlogtemp.7": No space left on device', 'make room on the disk'],
    ['FATAL:  could not open file "global/pg_filenode.map": Permission denied', 'must belong to the user'],
    ['FATAL:  could not create shared memory segment: Cannot allocate memory', 'shared memory'],
    ['PANIC:  could not locate a valid checkpoint record at 0/1', 'is damaged: `npm run dev -- --reset`'],
    ['something new', 'Postgres did not start: `npm run dev -- --reset`'],
  ])('Postgres that says %s', (logged, said) => {
    const log = `2026-01-01 [7] @ LOG:  starting\n2026-01-01 [7] @ ${logged}\n2026-01-01 [7] @ LOG:  shutting down`
    const line = startFault(new Error(`postgres did not start:\n${log}`), '/folder')
    expect(line).toMatch(ONE_LINE)
    expect(line).toContain(said)
  })

  test('a folder that cannot be made', () => {
    const error = Object.assign(system('ENOENT', '/ro/.local'), { syscall: 'mkdir' })
    expect(startFault(error, '/folder')).toMatch(
      /^\/ro\/\.local cannot be made: is the disk read-only\? [^\n]+$/,
    )
  })

  test('Postgres that has no room for a first start, as initdb says it, without its long command', () => {
    const error = new Error(
      'Command failed: /x/native/bin/initdb --pgdata=/x/postgres.new --auth=scram-sha-256\n' +
        '2026-01-01 FATAL:  could not extend file "base/1/3079_fsm": No space left on device\nchild process exited',
    )
    expect(startFault(error, '/folder')).toBe(
      'Postgres has no room: make room on the disk and start again; nothing else has to be repaired ' +
        '(it says: FATAL:  could not extend file "base/1/3079_fsm": No space left on device)',
    )
  })

  test('an error of several lines ends with the one that names the cause', () => {
    const error = new Error('the functions did not start: the runtime exited with 1\nat x\nError: EADDRINUSE')
    expect(startFault(error, '/f')).toBe(
      'the functions did not start: the runtime exited with 1 Error: EADDRINUSE',
    )
  })

  test('a Node that is too old is told from one that will do', () => {
    expect(nodeFault('20.20.2')).toMatch(/^this is Node 20\.20\.2, [^\n]*`npm run dev`[^\n]*$/)
    expect([nodeFault('22.0.0'), nodeFault('24.1.0')]).toEqual([undefined, undefined])
  })

  test('npm run dev says it so, with exit 1, and leaves nothing behind', async () => {
    const run = promisify(execFile)(process.execPath, [
      join(projectRoot, 'node_modules/tsx/dist/cli.mjs'),
      join(projectRoot, 'scripts/dev.ts'),
      ...['--set', 'NO_SUCH=hunter2'],
    ])
    const { code, stderr } = (await run.catch((error: unknown) => error)) as { code: number; stderr: string }
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^could not start: --set NO_SUCH: [^\n]*\n$/)])
    expect(stderr).not.toContain('hunter2')
  })
})

describe('local data that were damaged', () => {
  let folder: string
  beforeAll(async () => {
    folder = join(mkdtempSync(join(tmpdir(), 'tidegate-fault-')), 'a folder')
    await (await startStack({ folder, port: 0, withoutGateway: true })).stop()
  })
  afterAll(async () => {
    await forgetStack(folder)
    rmSync(join(folder, '..'), { recursive: true, force: true })
  })
  const start = async () => await startStack({ folder, port: 0, withoutGateway: true })
  const refused = async (): Promise<string> =>
    startFault(
      await start().then(
        async (stack) => await stack.stop(),
        (error: unknown) => error,
      ),
      folder,
    )

  /** Damages a file for the time of `work`. */
  async function damaged<T>(
    file: string,
    damage: (path: string) => void,
    work: () => Promise<T>,
  ): Promise<T> {
    const path = join(folder, file)
    const whole = readFileSync(path)
    damage(path)
    try {
      return await work()
    } finally {
      writeFileSync(path, whole)
    }
  }

  test('are named in one line, with the way out', async () => {
    const half = (path: string) => truncateSync(path, Math.floor(readFileSync(path).length / 2))
    for (const [file, damage] of [
      ['secrets.json', half],
      ['kms.key', half],
      ['kms.key', (path: string) => writeFileSync(path, '{}')],
      ['chain.json', half],
      ['chain.json.addresses.json', half],
      ['postgres/global/pg_control', (path: string) => truncateSync(path, 0)],
      ['postgres/PG_VERSION', (path: string) => writeFileSync(path, '9\n')],
    ] as const) {
      const line = await damaged(file, damage, refused)
      expect([file, line]).toEqual([file, expect.stringMatching(/^[^\n]*npm run dev -- --reset[^\n]*$/)])
      expect(existsSync(join(folder, 'dev.json'))).toBe(false)
    }
  }, 240_000)

  test('do not stop a start where they only say that somebody was here: a killed run leaves those', async () => {
    writeFileSync(join(folder, 'owner.json'), '')
    // The number of a process that lives, but is no server of these data.
    writeFileSync(join(folder, 'postgres/postmaster.pid'), `${process.pid}\n${join(folder, 'postgres')}\n`)
    appendFileSync(join(folder, 'chain.json.exit'), '{"half":')
    const stack = await start()
    await stack.stop()
    expect(existsSync(join(folder, 'owner.json'))).toBe(false)
  }, 120_000)

  test('a file where the folder should be is named', async () => {
    const file = join(folder, 'secrets.json')
    const line = startFault(
      await startStack({ folder: file, port: 0, withoutGateway: true }).catch((error: unknown) => error),
      file,
    )
    expect(line).toBe(`${file} is in the way, it should be a folder: move it away and start again`)
  })
})
