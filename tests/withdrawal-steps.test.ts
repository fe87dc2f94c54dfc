/** The steps between a reservation and its answer, each made to fail: whoever reserved sees the funds come back at once. */
import { afterEach, expect, test, vi } from 'vitest'
import { connect, type Push } from '../db/client.ts'
import { REFUSED } from '../db/errors.ts'
import type { Reservation } from '../db/ledger/reserve.ts'
import { SignerError } from '../functions/_lib/withdraw/signer.ts'
import { VaultUnfit } from '../functions/_lib/withdraw/counter.ts'
import { authorize, type Authority } from '../functions/_lib/withdraw/withdrawal.ts'

const account = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'
const reservation = {
  id: '019a0b3c-5d1e-7c4a-9b1a-0c8e2f4d6a10',
  account,
  token: 'DF',
  contract: `0x${'3'.repeat(40)}`,
  amount: '1',
  amount_in_wei: '1000000000000000000',
  recipient: account,
  nonce: 0,
  deadline: 2_000_000_000,
} as unknown as Reservation
const BACK: Push = { account, token: 'DF', available: '5', frozen: '0', version: 3, ts: 1 }
const ANSWER = { id: reservation.id, status: 'signed' }

vi.spyOn(console, 'error').mockImplementation(() => undefined)
afterEach(() => vi.unstubAllGlobals())

/** A verb's answer, or the SQLSTATE that it fails with, or the name it refuses by. */
type Answer = object | string
/** Runs the steps with a ledger that answers each verb so; what was asked of it, what was pushed, and the end. */
async function run(change: Partial<Authority>, verbs: Record<string, Answer[]> = {}) {
  const asked: string[] = []
  const texts: string[] = []
  const values: string[][] = []
  vi.stubGlobal('fetch', async (_url: string, { body }: { body: string }) => {
    const { query, params } = JSON.parse(body) as { query: string; params: string[] }
    texts.push(query)
    values.push(params)
    const verb = /ledger\.(\w+)/.exec(query)?.[1] ?? ''
    asked.push(verb)
    const known = { give_back: [{ released: true, pushes: [BACK] }], ...verbs } as Record<string, Answer[]>
    const answers = known[verb] ?? [{}]
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!
    if (typeof answer === 'string') {
      const failed = /^[A-Z0-9]{5}$/.test(answer)
      const said = failed ? { message: 'said', code: answer } : { message: answer, code: REFUSED }
      return await Promise.resolve(Response.json(said, { status: 400 }))
    }
    const fields = [{ name: 'result', dataTypeID: 114 }]
    return Response.json({ fields, rows: [[JSON.stringify(answer)]], command: 'SELECT', rowCount: 1 })
  })
  const pushed: Push[] = []
  const authority: Authority = {
    db: connect(`postgresql://u:p@steps.example.com/d`, 1_000),
    signer: { signDigest: async () => await Promise.resolve(`0x${'11'.repeat(65)}` as const) },
    domain: { name: 'V', version: '1', chainId: 1, address: `0x${'4'.repeat(40)}` } as never,
    readCounter: async () => await Promise.resolve(0),
    addReservation: async () => await Promise.resolve({ mark: null, signers: [], reserved: [], signed: [] }),
    keepSignature: async () => await Promise.resolve(),
    addSigned: () => undefined,
    push: (pushes) => void pushed.push(...pushes),
    ...change,
  }
  const end: unknown = await authorize(authority, reservation).catch((error: unknown) => error)
  return { asked, pushed, end, texts, values }
}
const fails = (error: Error) => async () => await Promise.reject(error)
const signed = { outcome: 'signed', answer: ANSWER, pushes: [] }

test('a stored signature is the answer, and nothing is given back', async () => {
  const { asked, pushed, end } = await run({}, { store_signature: [signed] })
  expect([asked, pushed, end]).toEqual([['store_signature'], [], ANSWER])
})

const signer = (reason: 'unavailable' | 'malformed' | 'wrong_key') => ({
  signer: { signDigest: fails(new SignerError(reason, 'code')) },
})
test.each([
  ['the signer does not answer', signer('unavailable'), 'SIGNER_UNAVAILABLE', ['give_back']],
  ['the signer answers nonsense', signer('malformed'), 'sign failed', ['give_back']],
  ['another key has signed', signer('wrong_key'), 'sign failed', ['report_wrong_key', 'give_back']],
  ['the chain does not answer', { readCounter: fails(new Error()) }, 'CHAIN_UNAVAILABLE', ['give_back']],
  [
    'the witness does not answer',
    { addReservation: fails(new Error()) },
    'SIGNER_UNAVAILABLE',
    ['give_back'],
  ],
] as [string, Partial<Authority>, string, string[]][])(
  'where %s the funds are back, the stream shows it, and no signature is stored',
  async (_name, change, code, verbs) => {
    const { asked, pushed, end } = await run(change)
    expect(end).toMatchObject({ code, message: expect.stringContaining('the funds are back') })
    expect([asked, pushed]).toEqual([verbs, [BACK]])
  },
)

test('where the vault would not take the signature it is said, the funds are back and the stream shows it', async () => {
  const { asked, pushed, end } = await run({ readCounter: fails(new VaultUnfit([] as never)) })
  expect(end).toMatchObject({ code: 'WITHDRAWALS_PAUSED' })
  expect([asked.at(-1), pushed]).toEqual(['give_back', [BACK]])
  expect(asked).not.toContain('store_signature')
})

test.each([
  ['behind', 'CHAIN_UNAVAILABLE'],
  ['restored', 'WITHDRAWALS_PAUSED'],
])('where the ledger finds the node %s, the stream shows what it gave back', async (outcome, code) => {
  const { asked, pushed, end } = await run({}, { store_signature: [{ outcome, pushes: [BACK] }] })
  expect(end).toMatchObject({ code })
  expect([asked, pushed]).toEqual([['store_signature'], [BACK]])
})

test('a store without an answer is asked for once more, and one that is refused is not', async () => {
  const doubt = await run({}, { store_signature: ['57P01', signed] })
  expect([doubt.asked, doubt.pushed, doubt.end]).toEqual([['store_signature', 'store_signature'], [], ANSWER])
  const paused = await run({}, { store_signature: ['withdrawals_paused'] })
  expect([paused.asked, paused.pushed]).toEqual([['store_signature', 'give_back'], [BACK]])
  expect(paused.end).toMatchObject({ code: 'WITHDRAWALS_PAUSED' })
})

test('where the session ended meanwhile its caller is told just that, and the funds come back all the same', async () => {
  const session = { ...{ account, id: 'ab'.repeat(32), generation: 1, issuedAt: 1 } }
  const db = { ...connect('postgresql://u:p@ended.example.com/d', 1_000), session }
  const { asked, pushed, end, texts } = await run({ db }, { store_signature: ['session_ended'] })
  expect(end).toMatchObject({ reason: 'session_ended' })
  expect([asked, pushed]).toEqual([['store_signature', 'give_back'], [BACK]])
  // The one that gives back does not ask whether the session goes on.
  expect(texts.map((text) => text.includes('session'))).toEqual([true, false])
})

test.each([
  ['another key has signed', signer('wrong_key'), 'report_wrong_key'],
  ['the vault is none', { readCounter: fails(new VaultUnfit(['code'])) }, 'report_vault'],
] as [string, Partial<Authority>, string][])(
  'that %s is told to people although the session of who noticed it has ended',
  async (_name, change, verb) => {
    const session = { ...{ account, id: 'ab'.repeat(32), generation: 1, issuedAt: 1 } }
    const db = { ...connect('postgresql://u:p@told.example.com/d', 1_000), session }
    const { asked, texts } = await run({ db, ...change })
    expect(asked).toEqual([verb, 'give_back'])
    expect(texts.filter((text) => text.includes('session'))).toEqual([])
  },
)

test('a counter that no signature explains is asked for once more, and the lower answer counts', async () => {
  for (const [outcome, code] of [
    ['blocked', 'WITHDRAWALS_PAUSED'],
    ['released', 'CHAIN_UNAVAILABLE'],
  ] as const) {
    for (const counters of [
      [5, 3],
      [3, 5],
    ]) {
      const left = [...counters]
      const { asked, pushed, end, values } = await run(
        { readCounter: async () => await Promise.resolve(left.shift()!) },
        {
          store_signature: [{ outcome: 'unexplained', pushes: [] }],
          refuse_counter: [{ outcome, pushes: [BACK] }],
        },
      )
      expect(end).toMatchObject({ code, message: expect.stringContaining('the funds are back') })
      expect([asked, pushed, left]).toEqual([['store_signature', 'refuse_counter'], [BACK], []])
      expect(values.at(-1)).toContain('3')
    }
  }
})

test('the ledger is told why the funds went back', async () => {
  for (const [change, reason] of [
    [signer('unavailable'), 'signer_unavailable'],
    [signer('malformed'), 'sign_failed'],
    [{ readCounter: fails(new Error()) }, 'chain_unavailable'],
    [{ addReservation: fails(new Error()) }, 'witness_unavailable'],
  ] as const)
    expect((await run(change)).values.at(-1)).toEqual([reservation.id, reason])
})

test('where the store stays in doubt and the row is not reserved any more, nobody is told that the funds are back', async () => {
  const { asked, pushed, end } = await run(
    {},
    { store_signature: ['57P01'], give_back: [{ released: false, pushes: [] }] },
  )
  expect([asked, pushed]).toEqual([['store_signature', 'store_signature', 'give_back'], []])
  expect(end).toMatchObject({
    code: 'internal',
    message: expect.stringContaining('not known whether the signature was stored'),
  })
  expect((end as Error).message).not.toContain('the funds are back')
})

test('where nothing can be given back now, nobody is told that it was', async () => {
  const { pushed, end } = await run(signer('unavailable'), { give_back: ['57P01'] })
  expect(pushed).toEqual([])
  expect(end).toMatchObject({
    code: 'SIGNER_UNAVAILABLE',
    message: expect.stringContaining('come back by themselves'),
  })
  expect((end as Error).message).not.toContain('funds are back')
})
