import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { secretsFound } from '../scripts/deploy-check/canaries.ts'
import { rateFaults } from '../scripts/deploy-check/rates.ts'
import {
  bindingsOf,
  foreignSecrets,
  functionFaults,
  gzipLimitBytes,
  pairingFaults,
  readsVariable,
  secretFaults,
} from '../scripts/deploy-check/rules.ts'
import { sharedFaults, uploadFaults } from '../scripts/deploy-check/upload.ts'
import { bundleFunction, type Bundle } from '../scripts/stack/bundle.ts'
import { projectRoot } from '../scripts/stack/manifest.ts'
import { exportsOf } from '../scripts/stack/module-exports.ts'
import { readWranglerConfig, resolvedConfig, type ResolvedConfig } from '../scripts/stack/wrangler-config.ts'

const functionNamed = (name: string) => ({
  name,
  text: 'export default{fetch(){}}',
  gzipBytes: 1,
  config: {
    name: `tidegate-${name}`,
    main: join(projectRoot, `functions/${name}.ts`),
    secrets: { required: ['TRANSFERS_DATABASE_URL'] },
    ratelimits: [],
  },
  secrets: ['TRANSFERS_DATABASE_URL'],
  rates: [],
})
const faults = (name: string, change: object) => functionFaults({ ...functionNamed(name), ...change })

describe('a function that may be deployed', () => {
  test('has no fault', () => {
    expect(faults('spot-transfer', {})).toEqual([])
  })

  test('is not a byte over its limit', () => {
    for (const name of ['spot-transfer', 'settle', 'spot-withdraw-request']) {
      expect(faults(name, { gzipBytes: gzipLimitBytes(name) })).toEqual([])
      expect(faults(name, { gzipBytes: gzipLimitBytes(name) + 1 })).toEqual([
        expect.stringContaining('bytes gzipped, the limit is'),
      ])
    }
    expect(gzipLimitBytes('spot-transfer')).toBe(145_000)
    expect(gzipLimitBytes('settle')).toBe(200_000)
  })

  test('names no variable that belongs to another', () => {
    const reads = (name: string, variable: string) =>
      faults(name, { text: `x(e=>e.${variable})` }).some((fault) => fault.includes('not its business'))
    expect(reads('spot-transfer', 'ADMIN_API_KEY')).toBe(true)
    expect(reads('admin-credit', 'ADMIN_API_KEY')).toBe(false)
    const owners = {
      ADMIN_DATABASE_URL: 'admin-credit',
      PUBLIC_DATABASE_URL: 'health',
      READS_DATABASE_URL: 'spot-transfers',
      SESSIONS_DATABASE_URL: 'auth',
      SETTLE_DATABASE_URL: 'settle',
      SIGNED_DATABASE_URL: 'subaccount-spot-transfer',
      TRANSFERS_DATABASE_URL: 'spot-transfer',
      WITHDRAWALS_DATABASE_URL: 'spot-withdrawals',
    }
    for (const [variable, owner] of Object.entries(owners))
      for (const name of Object.values(owners))
        expect([variable, name, reads(name, variable)]).toEqual([variable, name, name !== owner])
    expect(reads('settle', 'AWS_SECRET_ACCESS_KEY')).toBe(true)
    expect(reads('auth', 'KMS_KEY_ID')).toBe(true)
    // Nodes are asked by whom a contract's signature, a withdrawal or the chain's logs concern.
    expect(reads('spot-transfer', 'RPC_URL')).toBe(true)
    expect(reads('auth', 'RPC_URL')).toBe(false)
    expect(reads('spot-withdraw-request', 'KMS_KEY_ID')).toBe(false)
    expect(reads('spot-withdraw-request', 'AWS_SECRET_ACCESS_KEY')).toBe(false)
  })

  test('names no secret that is not declared for it, in whatever way', () => {
    for (const text of ['e.RPC_URL', '"set RPC_URL to a node"', 'RPC_URL']) {
      expect(foreignSecrets(text, ['TRANSFERS_DATABASE_URL'])).toEqual(['RPC_URL'])
      expect(foreignSecrets(text, ['RPC_URL'])).toEqual([])
      expect(faults('spot-transfer', { text })).toContainEqual(
        expect.stringContaining('names the secret RPC_URL'),
      )
    }
    expect(foreignSecrets('e.ADMIN_DATABASE_URL', ['ADMIN_DATABASE_URL'])).toEqual([])
    expect(foreignSecrets('e.ALERT_WEBHOOK_URL+e.AWS_SESSION_TOKEN', [])).toHaveLength(2)
  })

  test('is looked through for members, keys and texts, not for prose', () => {
    for (const text of ['e.KMS_KEY_ID', '{KMS_KEY_ID:a}', '{a,KMS_KEY_ID}', 'e["KMS_KEY_ID"]']) {
      expect(readsVariable(text, 'KMS_*')).toBe(true)
    }
    expect(readsVariable('"Set KMS_KEY_ID to the key"', 'KMS_*')).toBe(false)
    expect(readsVariable('e.ADMIN_API_KEY_HINT', 'ADMIN_API_KEY')).toBe(false)
  })

  test('is configured under its own name and file', () => {
    const { config } = functionNamed('auth')
    expect(
      faults('auth', { config: { ...config, main: join(projectRoot, 'functions/health.ts') } }),
    ).toHaveLength(1)
    expect(faults('auth', { config: { ...config, name: 'tidegate' } })).toHaveLength(1)
  })
})

describe('secrets.required', () => {
  test('is exactly what the code declares', () => {
    expect(secretFaults(['A'], ['A'])).toEqual([])
    expect(secretFaults([], ['A'])).toEqual([expect.stringContaining('declares the secret A')])
    expect(secretFaults(['A', 'B'], ['A'])).toEqual([expect.stringContaining('has B')])
  })

  test('need not have the session token of credentials that last, or a webhook', () => {
    expect(secretFaults(['A'], ['A', 'AWS_SESSION_TOKEN'])).toEqual([])
    expect(secretFaults(['A'], ['A', 'ALERT_WEBHOOK_URL'])).toEqual([])
    expect(secretFaults(['A', 'AWS_SESSION_TOKEN'], ['A', 'AWS_SESSION_TOKEN'])).toEqual([])
  })

  test('has neither of the two session keys, so that either alone deploys', () => {
    const declared = ['JWT_PRIVATE_KEY', 'JWT_SECRET']
    expect(secretFaults([], declared)).toEqual([])
    for (const key of declared)
      expect(secretFaults([key], declared)).toEqual([expect.stringContaining('either of')])
    expect(secretFaults(['JWT_SECRET'], [])).toEqual([expect.stringContaining('declares no such secret')])
  })
})

describe('ratelimits', () => {
  const bound = (name: string, change: object = {}) => ({
    name,
    namespace_id: '1003',
    simple: { limit: 100, period: 10 } as const,
    ...change,
  })

  test('has every rate that the endpoints count, with its figures, and no other', () => {
    expect(rateFaults([bound('RATE_PUBLIC')], ['RATE_PUBLIC'])).toEqual([])
    expect(rateFaults([], ['RATE_PUBLIC'])).toEqual([expect.stringContaining('count RATE_PUBLIC')])
    expect(rateFaults([bound('RATE_PUBLIC')], [])).toEqual([expect.stringContaining('has RATE_PUBLIC')])
    for (const change of [
      { namespace_id: '1004' },
      { simple: { limit: 101, period: 10 } },
      { simple: { limit: 100, period: 60 } },
    ])
      expect(rateFaults([bound('RATE_PUBLIC', change)], ['RATE_PUBLIC'])).toEqual([
        expect.stringContaining('other figures'),
      ])
  })

  test('keeps a function from being deployed without one', () => {
    expect(faults('spot-transfer', { rates: ['RATE_WRITE'] })).toEqual([
      'spot-transfer: its endpoints count RATE_WRITE, ratelimits has no such binding',
    ])
  })
})

describe('wrangler.toml and functions/', () => {
  test('have the same names, or the odd ones are told', () => {
    expect(pairingFaults(['auth', 'health'], ['auth', 'health'])).toEqual([])
    expect(pairingFaults(['auth', 'new'], ['auth', 'old'])).toEqual([
      'new: wrangler.toml has no [env.new]',
      'old: there is no functions/old.ts',
    ])
  })

  test('show bindings by their names', () => {
    const config = workerNamed('x', {
      vars: { CHAIN_ID: '1' },
      triggers: { crons: ['* * * * *'] },
      durable_objects: { bindings: [{ name: 'STREAM', class_name: 'Stream' }] },
      services: [{ binding: 'PUSH', service: 'y' }],
    })
    expect(bindingsOf(config)).toEqual(['vars CHAIN_ID', 'cron * * * * *', 'STREAM', 'PUSH'])
  })
})

const workerNamed = (name: string, change: Partial<ResolvedConfig> = {}): ResolvedConfig => ({
  name,
  main: `${name}.ts`,
  compatibility_date: '2026-11-17',
  compatibility_flags: [],
  vars: {},
  durable_objects: { bindings: [] },
  migrations: [],
  ratelimits: [],
  observability: { enabled: true },
  ...change,
})

describe('an upload', () => {
  const made = { migrations: [{ tag: 'a', new_sqlite_classes: ['Stream'] }] }
  const owner = workerNamed('owner', made)
  const found = (config: ResolvedConfig, facts: { exports?: string[]; scheduled?: boolean } = {}) =>
    uploadFaults({ name: config.name, config, exports: ['default'], scheduled: false, ...facts }, [
      owner,
      config,
    ])

  test('exports each class that its migrations make, as they stand after the last of them', () => {
    expect(found(owner, { exports: ['default', 'Stream'] })).toEqual([])
    expect(found(owner)).toEqual([expect.stringMatching(/^owner: .*class Stream.*10070/)])
    const renamed = [...made.migrations, { tag: 'b', renamed_classes: [{ from: 'Stream', to: 'Feed' }] }]
    expect(found(workerNamed('x', { migrations: renamed }), { exports: ['Feed'] })).toEqual([])
    expect(found(workerNamed('x', { migrations: renamed }), { exports: ['Stream'] })).toHaveLength(1)
    const deleted = [...made.migrations, { tag: 'b', deleted_classes: ['Stream'] }]
    expect(found(workerNamed('x', { migrations: deleted }))).toEqual([])
  })

  test('binds only classes that its own migrations or another Worker make', () => {
    const bound = (class_name: string, script_name?: string) =>
      found(
        workerNamed('x', {
          durable_objects: { bindings: [{ name: 'S', class_name, ...(script_name && { script_name }) }] },
        }),
      )
    expect(bound('Stream', 'owner')).toEqual([])
    for (const faults of [bound('Stream'), bound('Other', 'owner'), bound('Stream', 'nobody')])
      expect(faults).toEqual([expect.stringContaining('10061')])
  })

  test('keeps its logs, and has a handler for its cron', () => {
    expect(found(workerNamed('x', { observability: undefined }))).toHaveLength(1)
    const timed = workerNamed('x', { triggers: { crons: ['* * * * *'] } })
    expect(found(timed, { scheduled: true })).toEqual([])
    expect(found(timed)).toEqual([expect.stringContaining('no scheduled handler')])
  })

  test('shares neither its name nor a rate limit of other figures', () => {
    const limited = (name: string, limit: number) =>
      workerNamed(name, { ratelimits: [{ name: 'R', namespace_id: '1', simple: { limit, period: 10 } }] })
    expect(sharedFaults([limited('a', 5), limited('b', 5)])).toEqual([])
    expect(sharedFaults([limited('a', 5), limited('b', 6)])).toEqual([expect.stringContaining('namespace 1')])
    expect(sharedFaults([limited('a', 5), limited('a', 5)])).toEqual(['a: two Workers have this name'])
  })
})

describe('wrangler.toml', () => {
  const names = Object.keys(readWranglerConfig().env ?? {})
  const refusals = async (toml: string) => {
    const all = names.map((name) => resolvedConfig(name, toml))
    const found = all.map(async (config, at) => {
      const name = names[at] ?? ''
      const source = await readFile(join(projectRoot, `functions/${name}.ts`), 'utf8')
      const exports = await exportsOf(source, 'ts')
      return uploadFaults({ name, config, exports, scheduled: true }, all)
    })
    return (await Promise.all(found)).flat()
  }

  test('is accepted for every function', async () => {
    expect(await refusals(join(projectRoot, 'wrangler.toml'))).toEqual([])
  })

  test('would be refused for each function that inherits the migrations of a class it does not export', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tidegate-toml-'))
    const toml = join(folder, 'wrangler.toml')
    const text = await readFile(join(projectRoot, 'wrangler.toml'), 'utf8')
    await writeFile(toml, text.replaceAll('migrations = []\n', ''))
    const found = await refusals(toml)
    await rm(folder, { recursive: true })
    const owners = names.filter((name) => resolvedConfig(name).migrations.length > 0)
    expect(owners).toContain('stream')
    const others = names.filter((name) => !owners.includes(name))
    expect(others.length).toBeGreaterThanOrEqual(22)
    // A line for each class.
    expect([...new Set(found.map((line) => line.split(':')[0]))]).toEqual(others)
    for (const line of found) expect(line).toContain('10070')
  })
})

describe('a text', () => {
  test('is said to hold each secret whose canary is in it, once, and no other', () => {
    const marks = new Map([
      ['cnry00000001', 'JWT_SECRET'],
      ['cnry00000002', 'RPC_URL'],
      ['cnry00000003', 'READS_DATABASE_URL'],
    ])
    const text = 'http://x/cnry00000002","cnry0000000100","cnry00000001cnry0000000"cnry99999999'
    expect(secretsFound(text, marks)).toEqual(['JWT_SECRET', 'RPC_URL'])
  })
})

describe('a bundle as wrangler makes it', () => {
  let folder: string
  let bundle: Bundle

  /** A function that has no business with KMS, and does it all the same. */
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidegate-bundle-'))
    const library = join(projectRoot, 'functions/_lib')
    await writeFile(
      join(folder, 'rogue.ts'),
      `import { kmsSigner } from '${library}/withdraw/kms.ts'
       export default { fetch: async (_: Request, env: any) => Response.json(await kmsSigner({ ...env, keyId: env.KMS_KEY_ID }).signDigest('0x')) }`,
    )
    const config = join(folder, 'wrangler.toml')
    await writeFile(
      config,
      'name = "tidegate"\nmain = "rogue.ts"\ncompatibility_date = "2026-11-17"\n[env.rogue]\nname = "tidegate-rogue"\nmain = "rogue.ts"\n',
    )
    bundle = await bundleFunction({ env: 'rogue', outdir: join(folder, 'out'), config })
  })
  afterAll(async () => await rm(folder, { recursive: true, force: true }))

  test('with KMS code in it is refused for what it carries and for what it reads', () => {
    const found = faults('rogue', { text: bundle.text })
    expect(found).toContainEqual(expect.stringContaining('carries KMS code'))
    expect(found).toContainEqual(expect.stringContaining('reads KMS_*'))
  })

  test('that is honest passes, and no variable of another group is left in it', async () => {
    const honest = await bundleFunction({ env: 'spot-transfer', outdir: join(folder, 'honest') })
    const made = { text: honest.text, gzipBytes: honest.gzipBytes }
    const { config } = functionNamed('spot-transfer')
    const declared = {
      secrets: ['JWT_PRIVATE_KEY', 'JWT_SECRET', 'TRANSFERS_DATABASE_URL'],
      config: { ...config, secrets: { required: ['TRANSFERS_DATABASE_URL'] } },
    }
    expect(faults('spot-transfer', { ...made, ...declared })).toEqual([])
    expect(faults('spot-transfer', made)).toEqual([
      'spot-transfer: names the secret JWT_PRIVATE_KEY, which is not declared for it',
      'spot-transfer: names the secret JWT_SECRET, which is not declared for it',
    ])
    expect(readsVariable(honest.text, 'JWT_SECRET')).toBe(true)
    expect(readsVariable(honest.text, 'VAULT_ADDRESS')).toBe(false)
  })
})
