import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { verifiedConnection } from '../db/operate/connection.ts'
import { FileProblems } from '../scripts/deploy/checked-json.ts'
import { readTokenFile } from '../scripts/deploy/token-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidegate-files-'))
afterAll(() => rmSync(folder, { recursive: true }))

const DF = {
  symbol: 'DF',
  decimals: 18,
  chainId: 97,
  contract: `0x${'12'.repeat(20)}`,
  transferable: false,
  withdrawable: true,
  minWithdraw: '1',
}
function problemsOf(tokens: unknown): readonly string[] {
  const file = join(folder, 'tokens.json')
  writeFileSync(file, typeof tokens === 'string' ? tokens : JSON.stringify(tokens))
  try {
    readTokenFile(file)
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(FileProblems)
    expect((error as Error).message).toContain(file)
    return (error as FileProblems).problems
  }
}

describe('tokens.json', () => {
  test('is taken where each row is whole', () => {
    expect(
      problemsOf([DF, { ...DF, symbol: 'SOL', chainId: null, contract: null, withdrawable: false }]),
    ).toEqual([])
  })

  test('is told every mistake at once, each in its place and none as a dump', () => {
    const { minWithdraw: _, ...rest } = DF
    expect(
      problemsOf([
        { ...DF, decimals: '18', contract: '0x12', minWithdraw: 1 },
        { ...rest, x: 1 },
      ]),
    ).toEqual([
      '[0].decimals: expected number, received string',
      '[0].contract: must be 0x and 40 hex digits',
      '[0].minWithdraw: must be a decimal in quotes, such as "1.5"',
      '[1].minWithdraw: must be a decimal in quotes, such as "1.5"',
      '[1]: Unrecognized key: "x"',
    ])
  })

  test('is told of rows that contradict each other or themselves', () => {
    expect(problemsOf([DF, DF])).toEqual([
      '[1].symbol: DF is in the list already',
      '[1].contract: another token of the list has this contract',
    ])
    expect(problemsOf([{ ...DF, withdrawable: false, contract: null }])).toEqual([
      expect.stringContaining('belong together'),
    ])
    expect(problemsOf([{ ...DF, chainId: null, contract: null }])).toEqual([
      expect.stringContaining('cannot be withdrawn'),
    ])
    expect(problemsOf([])).toEqual(['has no token'])
  })

  test('is told that it is no JSON, no list or not there', () => {
    expect(problemsOf('[{')).toEqual([expect.stringContaining('is not JSON')])
    expect(problemsOf({})).toEqual(['expected array, received object'])
    expect(() => readTokenFile(join(folder, 'nowhere.json'))).toThrow('there is no such file')
  })
})

describe('a connection string as Neon shows it', () => {
  const shown = (sslmode: string) =>
    `postgresql://neondb_owner:a%2Fb%2B@ep-cool-1.eu-central-1.aws.neon.tech/neondb?sslmode=${sslmode}&channel_binding=require`

  test('is verified in full, said outright, so that node-postgres warns of nothing', () => {
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue()
    for (const sslmode of ['require', 'prefer', 'verify-ca', 'verify-full']) {
      const client = new pg.Client({ connectionString: verifiedConnection(shown(sslmode)) })
      // An empty object: node's own defaults, which refuse a certificate that is not the host's.
      expect([client.ssl, client.password]).toEqual([{}, 'a/b+'])
    }
    expect(warned).not.toHaveBeenCalled()
    new pg.Client({ connectionString: shown('require') })
    expect(warned).toHaveBeenCalledOnce()
    warned.mockRestore()
  })

  test('keeps what somebody chose outright', () => {
    const kept = [
      'postgresql://a:b@127.0.0.1:5432/x',
      shown('disable'),
      shown('require') + '&uselibpqcompat=true',
      'postgresql://a:sslmode=require@127.0.0.1/x',
    ]
    for (const text of kept) expect(verifiedConnection(text)).toBe(text)
  })
})
