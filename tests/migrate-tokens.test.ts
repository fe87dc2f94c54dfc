import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { getAddress } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { migrateDatabase } from '../db/operate/migrate.ts'
import { checkTokensOnChain } from '../scripts/deploy/token-chain.ts'
import { readTokenFile } from '../scripts/deploy/token-file.ts'
import { putTokens } from '../scripts/stack/database.ts'
import { clientOf } from './support/client.ts'
import { ownDatabase, type OwnDatabase } from './support/own-database.ts'
import { runScript } from './support/script.ts'

const stack = inject('stack')
let database: OwnDatabase
let owner: pg.Client
let folder: string
/** Contracts of the local chain. */
let contracts: Record<'DF' | 'USDT', string>

beforeAll(async () => {
  database = await ownDatabase(stack, async (url) => await migrateDatabase(url))
  owner = new pg.Client({ connectionString: database.inside(stack.databaseUrl) })
  await owner.connect()
  folder = await mkdtemp(join(tmpdir(), 'tidegate-tokens-'))
  const rows = await clientOf().sql<{ symbol: string; contract: string }>(
    `select symbol, contract from tokens where symbol in ('DF', 'USDT')`,
  )
  contracts = Object.fromEntries(rows.map((row) => [row.symbol, row.contract])) as typeof contracts
})
beforeEach(async () => {
  await owner.query('begin; set local session_replication_role = replica; delete from ledger.balances; delete from tokens; commit') // prettier-ignore
})
afterAll(async () => {
  await owner.end()
  await database.drop()
  await rm(folder, { recursive: true })
})

const DF = () => ({
  ...{
    symbol: 'DF',
    decimals: 18,
    chainId: stack.chainId as number | null,
    contract: contracts.DF as string | null,
  },
  ...{ transferable: false, withdrawable: true, minWithdraw: '1' },
})
type Row = ReturnType<typeof DF>
const written = async (rows: Partial<Row>[]) => {
  const file = join(folder, 'tokens.json')
  await writeFile(file, JSON.stringify(rows.map((row) => ({ ...DF(), ...row }))))
  return file
}
/** What `npm run migrate -- --tokens …` does with the file. Answers what it refuses for. */
async function apply(rows: Partial<Row>[], options: { asked?: boolean } = {}): Promise<string> {
  try {
    const file = await written(rows)
    const read = readTokenFile(file)
    if (options.asked !== false) await checkTokensOnChain(file, read, stack.rpcUrl)
    await putTokens(database.inside(stack.databaseUrl), read)
    return 'applied'
  } catch (error) {
    return (error as Error).message
  }
}
/** The command itself. */
async function command(file: string, rpcUrl: string | undefined, ...flags: string[]) {
  const OWNER_DATABASE_URL = database.inside(stack.databaseUrl)
  return await runScript(['scripts/migrate.ts', '--tokens', file, ...flags], {
    OWNER_DATABASE_URL,
    RPC_URL: rpcUrl,
  })
}
const tokens = async () =>
  (await owner.query('select symbol, decimals, chain_id::int as chain, contract, withdrawable from tokens order by symbol')).rows as unknown[] // prettier-ignore
const moved = async (symbol: string) =>
  await owner.query(`insert into ledger.balances (family_no, account_no, token_no, wallet) select a.family_no, a.account_no, t.token_no, 's' from tokens t, ledger.open_account('0x' || repeat('12', 20)) a where t.symbol = $1`, [symbol]) // prettier-ignore
const stored = (change = {}) => [
  { ...{ symbol: 'DF', decimals: 18, chain: stack.chainId, contract: contracts.DF, withdrawable: true }, ...change }, // prettier-ignore
]

describe('tokens.json', () => {
  test('that gives a token the contract of another is refused by both names, and no token of the file is written', async () => {
    await apply([{}])
    expect(
      await apply([
        { symbol: 'NEW' },
        { symbol: 'OTHER', contract: null, chainId: null, withdrawable: false },
      ]),
    ).toBe('NEW: its contract is that of DF; no token was written')
    expect(await tokens()).toEqual(stored())
  })

  test('that says what the chain says is applied, with the contract’s capitals or without', async () => {
    const digits = contracts.DF.slice(2)
    for (const contract of [getAddress(contracts.DF), contracts.DF, `0x${digits.toUpperCase()}`])
      expect(await apply([{ contract }])).toBe('applied')
    expect(await tokens()).toEqual(stored())
  })

  const wrong: [string, () => Partial<Row>, string][] = [
    ['other decimals than the contract has', () => ({ decimals: 6 }), 'the contract has 18 decimals, not 6'],
    [
      'an address without a contract',
      () => ({ contract: `0x${'ab'.repeat(20)}` }),
      'there is no contract at',
    ],
    ['a contract that is no token', () => ({ contract: stack.vault }), 'does not answer decimals()'],
    [
      'another chain than the node’s',
      () => ({ chainId: 97 }),
      'is on chain 97, and the node of RPC_URL is on',
    ],
    ['the native coin with other decimals', () => ({ contract: `0x${'0'.repeat(40)}`, decimals: 6 }), 'the native coin has 18 decimals'], // prettier-ignore
    ['a contract whose capitals are wrong', () => ({ contract: otherCapital(getAddress(contracts.DF)) }), 'EIP-55'], // prettier-ignore
  ]
  test.each(wrong)(
    'with %s is refused by name, and no token of the file is written',
    async (_what, change, reason) => {
      const answer = await apply([{ symbol: 'USDT', decimals: 6, contract: contracts.USDT }, change()])
      expect(answer).toContain(reason)
      expect(answer).toContain('[1]')
      expect(await tokens()).toEqual([])
    },
  )

  test('with one contract for two symbols is refused', async () => {
    const twice = [{}, { symbol: 'DF2', contract: getAddress(contracts.DF) }]
    expect(await apply(twice)).toContain('another token of the list')
    expect(await tokens()).toEqual([])
  })

  test('without a node, or with one that is silent, is refused, unless the owner says that nobody shall be asked', async () => {
    const file = await written([{ decimals: 6 }])
    expect(await command(file, undefined)).toMatchObject({
      code: 1,
      error: expect.stringContaining('RPC_URL is not set'),
    })
    const silent = await command(file, 'http://127.0.0.1:9/secret-key')
    expect([silent.code, silent.error]).toEqual([1, expect.stringContaining('does not answer')])
    expect(silent.error).not.toContain('secret-key')
    expect(await command(file, stack.rpcUrl)).toMatchObject({ code: 1 })
    expect(await tokens()).toEqual([])
    const skipped = await command(file, undefined, '--skip-chain-check')
    expect([skipped.code, skipped.out]).toEqual([0, expect.stringContaining('the chain was not asked')])
    expect(await tokens()).toEqual(stored({ decimals: 6 }))
  })
})

describe('a token of the ledger', () => {
  const off: Partial<Row> = { contract: null, chainId: null, withdrawable: false }
  test('that has movements keeps its decimals, chain and contract: the file is refused whole', async () => {
    await apply([{}])
    await moved('DF')
    const changes: Partial<Row>[] = [{ decimals: 6 }, { contract: `0x${'ab'.repeat(20)}` }, { chainId: 97 }, off] // prettier-ignore
    for (const change of changes) {
      expect(await apply([{ symbol: 'NEW', ...off }, change], { asked: false })).toBe(
        'DF has movements: its decimals, chain and contract stay as they are',
      )
      expect(await tokens()).toEqual(stored())
    }
    expect(await apply([{ withdrawable: false }])).toBe('applied')
    expect(await tokens()).toEqual(stored({ withdrawable: false }))
  })

  test('that has none is corrected, and one that was off the chain comes onto it', async () => {
    await apply([{ decimals: 6 }], { asked: false })
    expect(await apply([{}])).toBe('applied')
    expect(await tokens()).toEqual(stored())
    await owner.query('delete from tokens')
    await apply([off])
    await moved('DF')
    expect(await apply([{}])).toBe('applied')
    expect(await tokens()).toEqual(stored())
  })
})

/** The same address with the last letter's case turned round. */
function otherCapital(address: string): string {
  return address.replace(/[a-zA-Z](?=[^a-zA-Z]*$)/, (letter) =>
    letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase(),
  )
}
