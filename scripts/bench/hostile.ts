/**
 * What a stranger's calls cost: the runtime's CPU for each kind of refused call beside a good one, and what 300 of them a
 * second from one address leave of another account's transfer. Without rate limits, so that each call does all its work.
 */
import { checkInvariants } from '../stack/invariants.ts'
import { startDriver, type Driver } from './drive.ts'
import { RUNTIME_CONNECTIONS, runtimeCpu } from './runtime-cpu.ts'
import { median, shown, table, type Options, type Outcome, type Section } from './section.ts'
import { signedTransfer } from './signed-transfer.ts'
import { openStage, type Stage } from './stage.ts'
import { httpRequest, transfers } from './variants.ts'

const HOSTILE_PER_SECOND = 300
const TEXT = 'a-'.repeat(7_500)

interface Kind {
  name: string
  requests: (stage: Stage) => string[]
  /** The good call that it pretends to be. */
  beside?: Kind
}

const goodTransfer: Kind = { name: 'a transfer', requests: ({ accounts }) => transfers(accounts) }
const goodSigned: Kind = {
  name: 'a signed transfer',
  requests: (stage) => signedTransfer.requests?.(stage) ?? [],
}
const get = (path: string, headers: Record<string, string> = {}) => [httpRequest('GET', path, headers)]
const post = (path: string, headers: Record<string, string>, body: object) => [
  httpRequest('POST', path, headers, body),
]
const changed = (request: string) => request.replace('"amount":"0.01"', '"amount":"0.02"')

const REFUSED: Kind[] = [
  { name: 'a long path', requests: () => get(`/${TEXT}`), beside: goodTransfer },
  { name: 'a long query', requests: () => get(`/api/v1/spot/balances?a=${TEXT}`), beside: goodTransfer },
  {
    name: 'a token of nobody',
    requests: () => get('/api/v1/spot/balances', { Authorization: `Bearer ${TEXT.slice(0, 8_000)}` }),
    beside: goodTransfer,
  },
  {
    name: 'a token with another signature',
    requests: ({ accounts }) =>
      accounts.map(({ token }) =>
        httpRequest('GET', '/api/v1/spot/balances', {
          Authorization: `Bearer ${token.slice(0, -8)}AAAAAAAA`,
        }),
      ),
    beside: goodTransfer,
  },
  {
    name: 'an API key of nobody',
    requests: () => get('/api/v1/spot/balances', { 'X-API-Key': 'tg_' + 'x'.repeat(43) }),
    beside: goodTransfer,
  },
  {
    name: 'a body of 15 KB with a good token',
    requests: ({ accounts: [one] }) =>
      post(
        '/api/v1/spot/transfer',
        { Authorization: `Bearer ${one?.token}` },
        { token: 'USDT', direction: TEXT, amount: '1' },
      ),
    beside: goodTransfer,
  },
  {
    name: 'a body of 15 KB without a credential',
    requests: () => post('/api/v1/account/subaccount/spot_asset/transfer', {}, { account: TEXT }),
    beside: goodSigned,
  },
  {
    name: 'a signed transfer with another amount',
    requests: (stage) => (signedTransfer.requests?.(stage) ?? []).map(changed),
    beside: goodSigned,
  },
]

/** Milliseconds of CPU that the runtime spends on one call. */
async function cpuOf(stage: Stage, driver: Driver, kind: Kind): Promise<number> {
  const { cpuMs, measured } = await runtimeCpu(stage, driver, kind.requests(stage))
  const isRefused = kind.beside !== undefined
  if (isRefused ? measured.count > 0 : measured.failures > 0)
    throw new Error(`${kind.name}: not answered as it should be\n${measured.firstFailure}`)
  return cpuMs
}

/** p95 of one client's transfers, alone or beside the flood. */
async function p95(stage: Stage, driver: Driver, flood?: Driver): Promise<number> {
  const port = stage.ports.app ?? 0
  const load = { port, warmupMs: 300, ms: stage.measureMs }
  const flooded = flood?.run({
    ...load,
    requests: REFUSED.flatMap((kind) => kind.requests(stage).slice(0, 50)).toSorted(
      () => Math.random() - 0.5,
    ),
    connections: RUNTIME_CONNECTIONS,
    perSecond: HOSTILE_PER_SECOND,
  })
  const victim = await driver.run({ ...load, requests: transfers(stage.accounts.slice(-1)), connections: 1 })
  await flooded
  if (victim.failures > 0) throw new Error(`a transfer was refused\n${victim.firstFailure}`)
  return victim.p95
}

async function run({ rounds, ms, say }: Options): Promise<Outcome> {
  const stage = await openStage({ workers: ['app'], accounts: 200, measureMs: ms, say })
  const [driver, flood] = [startDriver(), startDriver()]
  const kinds = [goodTransfer, goodSigned, ...REFUSED]
  const cpu = new Map<Kind, number[]>(kinds.map((kind) => [kind, []]))
  const [quiet, flooded]: [number[], number[]] = [[], []]
  try {
    await signedTransfer.prepare?.(stage)
    for (let n = 1; n <= rounds; n += 1) {
      for (const kind of kinds) cpu.get(kind)?.push(await cpuOf(stage, driver, kind))
      quiet.push(await p95(stage, driver))
      flooded.push(await p95(stage, driver, flood))
      say(`round ${n} of ${rounds}`)
    }
    const cost = (kind: Kind) => median(cpu.get(kind) ?? [])
    const share = (kind: Kind) => (kind.beside ? cost(kind) / cost(kind.beside) : 1)
    const rows = kinds.map((kind) => [
      kind.name,
      shown(cost(kind), 3),
      kind.beside ? `${shown(share(kind), 2)} × ${kind.beside.name}` : '',
    ])
    return {
      markdown: table(['refused calls: CPU of the runtime', 'ms a call', 'beside'], rows),
      ratios: [
        {
          what: 'CPU of a refused call : of the good one, at most',
          measured: Math.max(...REFUSED.map(share)),
          atMost: 1,
        },
        {
          what: `p95 of a transfer beside ${HOSTILE_PER_SECOND} hostile calls a second : alone`,
          measured: median(flooded) / median(quiet),
          atMost: 2,
        },
      ],
      broken: (await checkInvariants(stage.manifest.databaseUrl))
        .filter(({ violations }) => violations > 0)
        .map(({ name }) => name),
    }
  } finally {
    driver.stop()
    flood.stop()
    await stage.stop()
  }
}

export const hostile: Section = { name: 'hostile', run }
