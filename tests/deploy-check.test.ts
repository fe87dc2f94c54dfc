import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretsFound } from '../scripts/deploy-check/canaries.ts'
import {
  bindingsOf,
  foreignSecrets,
  functionFaults,
  gzipLimitBytes,
  pairingFaults,
  readsVariable,
  secretFaults,
} from '../scripts/deploy-check/rules.ts'
import { bundleFunction, type Bundle } from '../scripts/stack/bundle.ts'
import { projectRoot } from '../scripts/stack/manifest.ts'

const functionNamed = (name: string) => ({
  name,
  text: 'export default{fetch(){}}',
  gzipBytes: 1,
  config: { name: `tidegate-${name}`, main: `functions/${name}.ts`, secrets: { required: ['DATABASE_URL'] } },
  secrets: ['DATABASE_URL'],
})
const faults = (name: string, change: object) => functionFaults({ ...functionNamed(name), ...change })

describe('a function that may be deployed', () => {
  it('has no fault', () => {
    expect(faults('spot-transfer', {})).toEqual([])
  })

  it('is not a byte over its limit', () => {
    for (const name of ['spot-transfer', 'settle', 'spot-withdraw-request']) {
      expect(faults(name, { gzipBytes: gzipLimitBytes(name) })).toEqual([])
      expect(faults(name, { gzipBytes: gzipLimitBytes(name) + 1 })).toEqual([
        expect.stringContaining('bytes gzipped, the limit is'),
      ])
    }
    expect(gzipLimitBytes('spot-transfer')).toBe(130_000)
    expect(gzipLimitBytes('settle')).toBe(200_000)
  })

  it('names no variable that belongs to another', () => {
    const reads = (name: string, variable: string) =>
      faults(name, { text: `x(e=>e.${variable})` }).some((fault) => fault.includes('not its business'))
    expect(reads('spot-transfer', 'ADMIN_API_KEY')).toBe(true)
    expect(reads('admin-credit', 'ADMIN_API_KEY')).toBe(false)
    expect(reads('settle', 'ADMIN_DATABASE_URL')).toBe(true)
    expect(reads('admin-credit', 'SETTLE_DATABASE_URL')).toBe(true)
    expect(reads('settle', 'SETTLE_DATABASE_URL')).toBe(false)
    expect(reads('settle', 'AWS_SECRET_ACCESS_KEY')).toBe(true)
    expect(reads('auth', 'KMS_KEY_ID')).toBe(true)
    expect(reads('spot-withdraw-request', 'KMS_KEY_ID')).toBe(false)
    expect(reads('spot-withdraw-request', 'AWS_SECRET_ACCESS_KEY')).toBe(false)
  })

  it('names no secret that is not declared for it, in whatever way', () => {
    for (const text of ['e.RPC_URL', '"set RPC_URL to a node"', 'RPC_URL']) {
      expect(foreignSecrets(text, ['DATABASE_URL'])).toEqual(['RPC_URL'])
      expect(foreignSecrets(text, ['RPC_URL'])).toEqual([])
      expect(faults('spot-transfer', { text })).toEqual([expect.stringContaining('names the secret RPC_URL')])
    }
    expect(foreignSecrets('e.ADMIN_DATABASE_URL', ['ADMIN_DATABASE_URL'])).toEqual([])
    expect(foreignSecrets('e.ALERT_WEBHOOK_URL+e.AWS_SESSION_TOKEN', [])).toHaveLength(2)
  })

  it('is looked through for members, keys and texts, not for prose', () => {
    for (const text of ['e.KMS_KEY_ID', '{KMS_KEY_ID:a}', '{a,KMS_KEY_ID}', 'e["KMS_KEY_ID"]']) {
      expect(readsVariable(text, 'KMS_*')).toBe(true)
    }
    expect(readsVariable('"Set KMS_KEY_ID to the key"', 'KMS_*')).toBe(false)
    expect(readsVariable('e.ADMIN_API_KEY_HINT', 'ADMIN_API_KEY')).toBe(false)
  })

  it('is configured under its own name and file', () => {
    const { config } = functionNamed('auth')
    expect(faults('auth', { config: { ...config, main: 'functions/health.ts' } })).toHaveLength(1)
    expect(faults('auth', { config: { ...config, name: 'tidegate' } })).toHaveLength(1)
  })
})

describe('secrets.required', () => {
  it('is exactly what the code declares', () => {
    expect(secretFaults(['A'], ['A'])).toEqual([])
    expect(secretFaults([], ['A'])).toEqual([expect.stringContaining('declares the secret A')])
    expect(secretFaults(['A', 'B'], ['A'])).toEqual([expect.stringContaining('has B')])
  })

  it('need not have the session token of credentials that last, or a webhook', () => {
    expect(secretFaults(['A'], ['A', 'AWS_SESSION_TOKEN'])).toEqual([])
    expect(secretFaults(['A'], ['A', 'ALERT_WEBHOOK_URL'])).toEqual([])
    expect(secretFaults(['A', 'AWS_SESSION_TOKEN'], ['A', 'AWS_SESSION_TOKEN'])).toEqual([])
  })

  it('has one of the two session keys, never none', () => {
    const declared = ['JWT_PRIVATE_KEY', 'JWT_SECRET']
    expect(secretFaults(['JWT_SECRET'], declared)).toEqual([])
    expect(secretFaults(['JWT_PRIVATE_KEY'], declared)).toEqual([])
    expect(secretFaults([], declared)).toHaveLength(1)
    expect(secretFaults(['JWT_SECRET'], [])).toHaveLength(1)
  })
})

describe('wrangler.toml and functions/', () => {
  it('have the same names, or the odd ones are told', () => {
    expect(pairingFaults(['auth', 'health'], ['auth', 'health'])).toEqual([])
    expect(pairingFaults(['auth', 'new'], ['auth', 'old'])).toEqual([
      'new: wrangler.toml has no [env.new]',
      'old: there is no functions/old.ts',
    ])
  })

  it('show bindings by their names', () => {
    const config = {
      name: 'x',
      vars: { CHAIN_ID: '1' },
      triggers: { crons: ['* * * * *'] },
      durable_objects: { bindings: [{ name: 'STREAM', class_name: 'Stream' }] },
      services: [{ binding: 'PUSH', service: 'y' }],
    }
    expect(bindingsOf(config)).toEqual(['vars CHAIN_ID', 'triggers * * * * *', 'STREAM', 'PUSH'])
  })
})

describe('a text', () => {
  it('is said to hold each secret whose canary is in it, once, and no other', () => {
    const marks = new Map([
      ['cnry00000001', 'JWT_SECRET'],
      ['cnry00000002', 'RPC_URL'],
      ['cnry00000003', 'DATABASE_URL'],
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
      `import { kmsSigner } from '${library}/kms.ts'
       export default { fetch: async (_: Request, env: any) => Response.json(await kmsSigner({ ...env, keyId: env.KMS_KEY_ID }).signDigest('0x')) }`,
    )
    const config = join(folder, 'wrangler.toml')
    await writeFile(
      config,
      'name = "tidegate"\nmain = "rogue.ts"\ncompatibility_date = "2026-04-26"\n[env.rogue]\nname = "tidegate-rogue"\nmain = "rogue.ts"\n',
    )
    bundle = await bundleFunction({ env: 'rogue', outdir: join(folder, 'out'), config })
  })
  afterAll(async () => await rm(folder, { recursive: true, force: true }))

  it('with KMS code in it is refused for what it carries and for what it reads', () => {
    const found = faults('rogue', { text: bundle.text })
    expect(found).toContainEqual(expect.stringContaining('carries KMS code'))
    expect(found).toContainEqual(expect.stringContaining('reads KMS_*'))
  })

  it('that is honest passes, and no variable of another group is left in it', async () => {
    const honest = await bundleFunction({ env: 'spot-transfer', outdir: join(folder, 'honest') })
    const made = { text: honest.text, gzipBytes: honest.gzipBytes }
    const { config } = functionNamed('spot-transfer')
    const declared = {
      secrets: ['DATABASE_URL', 'JWT_PRIVATE_KEY', 'JWT_SECRET'],
      config: { ...config, secrets: { required: ['DATABASE_URL', 'JWT_SECRET'] } },
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
