import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPairSync } from 'node:crypto'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FileProblems } from '../scripts/deploy/checked-json.ts'
import { keyPolicy } from '../scripts/deploy/key-policy.ts'
import { addressOfPublicKey, kmsCommands, makeSigner } from '../scripts/deploy/kms.ts'
import { connectionStrings, passwordOf } from '../scripts/deploy/logins.ts'
import { JOB_OF, readDeployment } from '../scripts/deploy/settings.ts'
import { bundled, markOf, MESSAGE, settingsMark, uploadConfig, wordsOf } from '../scripts/deploy/upload.ts'
import { projectRoot } from '../scripts/stack/manifest.ts'
import { inOrder, nameProblems, wantedWorkers, type WantedWorker } from '../scripts/deploy/wanted.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidegate-settings-'))
afterAll(() => rmSync(folder, { recursive: true }))

const ADDRESS = `0x${'ab'.repeat(20)}`
const SETTINGS = {
  account: 'a'.repeat(32),
  zone: 'b'.repeat(32),
  host: 'api.example.com',
  chain: { id: 97, vault: ADDRESS, vaultDeployBlock: 1 },
  signer: { region: 'eu-central-1', keyId: 'alias/signer', address: ADDRESS },
  variables: { FINALITY: 'finalized' },
  secrets: ['JWT_SECRET', 'RPC_URL', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
  environments: {
    staging: { host: 'staging.example.com', rateLimitOffset: 1000, variables: { TESTNET_ONLY: 'true' } },
  },
}
const SECRETS: Record<string, string> = {
  CLOUDFLARE_API_TOKEN: 'token-of-cloudflare',
  DEPLOY_KEY: 'k'.repeat(40),
  OWNER_DATABASE_URL:
    'postgresql://owner:geheim%2F1@ep-cool-1.eu-central-1.aws.neon.tech/neondb?sslmode=require',
  JWT_SECRET: 'j'.repeat(40),
  RPC_URL: 'https://rpc.example.com/geheim',
  AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
}

interface Change {
  settings?: object
  secrets?: Record<string, string>
  environment?: string
  env?: Record<string, string>
  mode?: number
}

function deployment({ settings = {}, secrets = {}, environment, env = {}, mode = 0o600 }: Change = {}) {
  const file = join(folder, 'deploy.json')
  const secretFile = join(folder, 'secrets.json')
  writeFileSync(file, JSON.stringify({ ...SETTINGS, ...settings }))
  const given = Object.entries({ ...SECRETS, ...secrets }).filter(([, value]) => value !== '')
  writeFileSync(secretFile, JSON.stringify(Object.fromEntries(given)))
  chmodSync(secretFile, mode)
  return { file, made: readDeployment(file, environment, { file: secretFile, env }) }
}

async function problemsOf(change: Change): Promise<string> {
  try {
    const { file, made } = deployment(change)
    await wantedWorkers(file, made, {})
    return ''
  } catch (error) {
    expect(error).toBeInstanceOf(FileProblems)
    return (error as FileProblems).problems.join('\n')
  }
}

const wanted = async (change: Change = {}, choice = {}) => {
  const { file, made } = deployment(change)
  return { deployment: made, ...(await wantedWorkers(file, made, choice)) }
}
const named = (workers: readonly WantedWorker[], fn: string) =>
  workers.find((one) => one.fn === fn) as WantedWorker

// The first look at all functions loads all of their code, which takes seconds.
beforeAll(async () => void (await wanted()))

describe('deploy.json', () => {
  test('is told every mistake at once and by place, before any secret is looked at', async () => {
    const found = await problemsOf({
      settings: { account: 'x', host: 'https://api.example.com', chain: { id: 0, vault: '0x1' }, wish: 1 },
    })
    expect(found.split('\n')).toEqual([
      expect.stringMatching(/^account: /),
      expect.stringMatching(/^host: /),
      expect.stringMatching(/^chain\.id: /),
      expect.stringMatching(/^chain\.vault: /),
      expect.stringMatching(/^chain\.vaultDeployBlock: is missing/),
      expect.stringMatching(/"wish"/),
    ])
  })

  test('names variables that some function reads, in their form, and no secret among them', async () => {
    const found = await problemsOf({
      settings: { variables: { FINALITY: 'finalized', WISH: '1', JWT_TTL_SECONDS: 'soon', JWT_SECRET: 'x' } },
    })
    expect(found).toContain('variables.WISH: no function reads it')
    expect(found).toContain('variables.JWT_TTL_SECONDS: ')
    expect(found).toContain('variables.JWT_SECRET: is a secret')
  })

  test('names every secret that is needed, each with a value, and none that the command makes itself', async () => {
    expect(await problemsOf({ settings: { secrets: ['RPC_URL'] } })).toMatch(
      /AWS_ACCESS_KEY_ID is missing[\s\S]*one of JWT_SECRET and JWT_PRIVATE_KEY/,
    )
    expect(await problemsOf({ secrets: { RPC_URL: '', DEPLOY_KEY: 'short' } })).toMatch(
      /RPC_URL has no value: [\s\S]*DEPLOY_RPC_URL[\s\S]*DEPLOY_KEY must have at least 32/,
    )
    expect(
      await problemsOf({ settings: { secrets: [...SETTINGS.secrets, 'READS_DATABASE_URL'] } }),
    ).toContain('READS_DATABASE_URL is made or read by the command itself')
    expect(
      await problemsOf({ settings: { secrets: [...SETTINGS.secrets, 'WISH'] }, secrets: { WISH: 'x' } }),
    ).toContain('no function reads WISH')
  })

  test('misses a secret that a function is never deployed without', async () => {
    expect(await problemsOf({ environment: 'staging' })).toBe('ADMIN_API_KEY is missing: name it in secrets')
  })

  test('may name what only a function reads that is left out here', async () => {
    const secrets = [...SETTINGS.secrets, 'ADMIN_API_KEY']
    const change = { settings: { secrets }, secrets: { ADMIN_API_KEY: 'a'.repeat(64) } }
    expect(await problemsOf(change)).toBe('')
    const { chosen } = await wanted(change)
    expect(chosen.filter((one) => 'ADMIN_API_KEY' in one.secrets)).toEqual([])
  })

  test('takes JWT_PRIVATE_KEY alone', async () => {
    const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
    const key = JSON.stringify({ kty: 'OKP', crv: 'Ed25519', d, x })
    const secrets = ['JWT_PRIVATE_KEY', ...SETTINGS.secrets.filter((name) => name !== 'JWT_SECRET')]
    const { chosen } = await wanted({ settings: { secrets }, secrets: { JWT_PRIVATE_KEY: key } })
    expect(Object.keys(named(chosen, 'auth').secrets).sort()).toEqual([
      'JWT_PRIVATE_KEY',
      'RPC_URL',
      'SESSIONS_DATABASE_URL',
    ])
  })

  test('wants the direct host of the database, and knows only Neon’s pooled one', async () => {
    const owner = (host: string) => ({ OWNER_DATABASE_URL: `postgresql://o:p@${host}/db` })
    expect(await problemsOf({ secrets: owner('ep-x-pooler.aws.neon.tech') })).toContain('pooled host')
    expect(await problemsOf({ secrets: owner('db.example.com') })).toContain('pooledHost: must be given')
    expect(await problemsOf({ secrets: { OWNER_DATABASE_URL: 'mysql://x' } })).toContain(
      'no connection string of Postgres',
    )
  })

  test('keeps environments of one account apart: hosts, rate limits and names of Workers', async () => {
    expect(await problemsOf({ environment: 'prod' })).toContain('environments has no "prod"')
    const shared = await problemsOf({ settings: { environments: { staging: {} } }, environment: 'staging' })
    expect(shared).toMatch(/staging\.host: [\s\S]*staging\.rateLimitOffset: /)
    expect(nameProblems(['staging'])).toEqual([])
    expect(nameProblems(['all'])).toEqual([expect.stringContaining('tidegate-agent-revoke-all')])
  })
})

describe('the deploy.json of scripts/README.md', () => {
  test.each([undefined, 'staging'])(
    'is one, with the secrets that stand below it (%s)',
    async (environment) => {
      const page = readFileSync(join(projectRoot, 'scripts/README.md'), 'utf8')
      const chapter = page.slice(page.indexOf('## Deployment'))
      const [settings = '', secrets = ''] = [...chapter.matchAll(/```json\n([\s\S]*?)```/g)].map(
        ([, text]) => text,
      )
      const tokens = join(folder, 'tokens.json')
      writeFileSync(tokens, '[]')
      const shown = JSON.parse(settings.replaceAll('0x…', ADDRESS)) as Record<string, unknown>
      const named = Object.keys(JSON.parse(secrets) as object)
      expect(named.sort()).toEqual(Object.keys(SECRETS).sort())
      const change = { settings: { ...shown, tokens }, secrets: { ADMIN_API_KEY: 'a'.repeat(64) } }
      expect(await problemsOf({ ...change, ...(environment && { environment }) })).toBe('')
    },
  )
})

describe('secrets', () => {
  test('come from the file or as DEPLOY_<NAME>, never from a plain variable of the shell', async () => {
    const env = {
      RPC_URL: 'https://other.example.com',
      TRANSFERS_DATABASE_URL: 'postgresql://other',
      AWS_ACCESS_KEY_ID: 'OTHER',
    }
    const { chosen } = await wanted({ env })
    expect(named(chosen, 'spot-withdraw-request').secrets).toMatchObject({
      RPC_URL: SECRETS.RPC_URL,
      AWS_ACCESS_KEY_ID: SECRETS.AWS_ACCESS_KEY_ID,
    })
    const own = await wanted({ env: { DEPLOY_RPC_URL: 'https://own.example.com' } })
    expect(named(own.chosen, 'settle').secrets.RPC_URL).toBe('https://own.example.com')
    expect(await problemsOf({ secrets: { RPC_URL: '' }, env })).toContain('RPC_URL has no value')
  })

  test('are not read from a file that others can read', async () => {
    expect(await problemsOf({ mode: 0o644 })).toContain('chmod 600')
  })

  test('are in no message, whatever is wrong', async () => {
    const found = await problemsOf({
      settings: { host: 'https://x' },
      secrets: { DEPLOY_KEY: 'short-geheim', OWNER_DATABASE_URL: 'geheim' },
    })
    const more = await problemsOf({ secrets: { DEPLOY_KEY: 'short-geheim', OWNER_DATABASE_URL: 'geheim' } })
    expect(more.split('\n').length).toBeGreaterThan(1)
    expect(found + more).not.toContain('geheim')
  })
})

describe('Cloudflare’s token', () => {
  const apiWith = (cloudflareApi?: string) => {
    const { file } = deployment()
    const env = {
      ...SECRETS,
      CLOUDFLARE_API_BASE_URL: 'http://127.0.0.1:1',
      DEPLOY_CLOUDFLARE_API_BASE_URL: 'http://x',
    }
    const source = { file: join(folder, 'secrets.json'), env }
    return readDeployment(file, undefined, source, { cloudflareApi }).cloudflareApi
  }

  test('goes to Cloudflare, whatever the shell says, or to a stand-in on this machine that the operator names', () => {
    expect(apiWith()).toBe('https://api.cloudflare.com/client/v4')
    for (const url of ['http://127.0.0.1:9/client/v4', 'http://[::1]:9', 'http://localhost:9'])
      expect(apiWith(url)).toBe(url)
    const others = [
      'https://api.example.com',
      'http://127.0.0.1@example.com/',
      'http://127.0.0.1.example.com',
      'x',
      '',
    ]
    for (const url of others) expect(() => apiWith(url)).toThrow('a stand-in on this machine')
  })
})

describe('a function', () => {
  test('gets its variables and secrets and nobody else’s', async () => {
    const { chosen } = await wanted()
    expect(Object.keys(named(chosen, 'health').secrets)).toEqual(['PUBLIC_DATABASE_URL'])
    expect(named(chosen, 'docs').secrets).toEqual({})
    const holders = chosen.filter(({ secrets }) => 'AWS_SECRET_ACCESS_KEY' in secrets).map(({ fn }) => fn)
    expect(holders).toEqual(['spot-withdraw-request'])
    expect(chosen.filter(({ secrets }) => 'SETTLE_DATABASE_URL' in secrets).map(({ fn }) => fn)).toEqual([
      'settle',
    ])
    for (const { vars, secrets } of chosen)
      for (const value of Object.values(secrets)) expect(Object.values(vars)).not.toContain(value)
  })

  test('has a pooled connection string of its own login, the same from the same key', async () => {
    const { deployment: made } = await wanted()
    const url = new URL(connectionStrings(made).get('PUBLIC_DATABASE_URL') ?? '')
    expect(url.host).toBe('ep-cool-1-pooler.eu-central-1.aws.neon.tech')
    expect([url.username, url.password]).toEqual(['tidegate_public', passwordOf(made, 'public')])
    expect(url.search).toBe('?sslmode=require')
    const again = deployment().made
    expect([...connectionStrings(again)]).toEqual([...connectionStrings(made)])
    const other = deployment({ secrets: { DEPLOY_KEY: 'x'.repeat(40) } }).made
    expect(passwordOf(other, 'public')).not.toBe(passwordOf(made, 'public'))
  })

  test('has routes with a trailing *, since a route is matched with the query, and none twice', async () => {
    const { chosen } = await wanted()
    expect(named(chosen, 'spot-transfers').routes).toEqual(['api.example.com/api/v1/spot/transfers*'])
    expect(named(chosen, 'spot-withdrawals').routes).toEqual(['api.example.com/api/v1/spot/withdrawals*'])
    expect(named(chosen, 'stream').routes).toEqual(['api.example.com/ws*'])
    const all = chosen.flatMap(({ routes }) => routes)
    expect(all.every((route) => route.endsWith('*'))).toBe(true)
    expect(new Set(all).size).toBe(all.length)
  })

  test('of an environment has its name, its classes’ owner and rate limits of its own', async () => {
    const { chosen, deployment: made } = await wanted({
      environment: 'staging',
      settings: { secrets: [...SETTINGS.secrets, 'ADMIN_API_KEY'] },
      secrets: { ADMIN_API_KEY: 'a'.repeat(64) },
    })
    expect(made.settings.variables).toEqual({ FINALITY: 'finalized', TESTNET_ONLY: 'true' })
    const transfer = named(chosen, 'spot-transfer').config
    expect(transfer.name).toBe('tidegate-spot-transfer-staging')
    expect(transfer.durable_objects.bindings).toMatchObject([{ script_name: 'tidegate-stream-staging' }])
    expect(transfer.ratelimits.every(({ namespace_id }) => Number(namespace_id) > 2000)).toBe(true)
  })

  test('that gives away test money is deployed on a test chain alone', async () => {
    expect((await wanted()).known).not.toContain('tidegate-admin-credit')
    const variables = { ...SETTINGS.variables, TESTNET_ONLY: 'true' }
    expect(
      (
        await wanted({
          settings: { variables, secrets: [...SETTINGS.secrets, 'ADMIN_API_KEY'] },
          secrets: { ADMIN_API_KEY: 'a'.repeat(64) },
        })
      ).known,
    ).toContain('tidegate-admin-credit')
  })
})

describe('the order', () => {
  test('follows from who binds whose class, whatever the names are', async () => {
    const { chosen } = await wanted()
    expect(chosen[0]?.fn).toBe('stream')
    const worker = (name: string, ...owners: string[]) =>
      ({
        name,
        config: {
          durable_objects: {
            bindings: owners.map((owner) => ({ name: owner, class_name: 'C', script_name: owner })),
          },
        },
      }) as unknown as WantedWorker
    const names = inOrder([worker('a', 'b'), worker('b', 'c'), worker('c', 'c'), worker('d')]).map(
      ({ name }) => name,
    )
    expect(names.indexOf('c')).toBeLessThan(names.indexOf('b'))
    expect(names.indexOf('b')).toBeLessThan(names.indexOf('a'))
    expect(() => inOrder([worker('a', 'b'), worker('b', 'a')])).toThrow('wait for each other')
  })
})

describe('one Worker for everything', () => {
  test('has the whole host, every cron, and all secrets', async () => {
    const { chosen } = await wanted({}, { single: true })
    expect(chosen).toHaveLength(1)
    expect(chosen[0]).toMatchObject({ name: 'tidegate', routes: ['api.example.com/*'], crons: ['* * * * *'] })
    expect(Object.keys(chosen[0]?.secrets ?? {})).toEqual(
      expect.arrayContaining([
        ...Object.keys(JOB_OF).filter((name) => name !== 'ADMIN_DATABASE_URL'),
        ...['AWS_SECRET_ACCESS_KEY', 'JWT_SECRET'],
      ]),
    )
  })
})

describe('the command', () => {
  test('loads neither the functions nor a library for chain or database before the file and the secrets are known to be well', async () => {
    const entry = join(projectRoot, 'scripts/deploy.ts')
    const options = {
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      packages: 'external',
    } as const
    const { metafile } = await build({
      ...options,
      entryPoints: [entry],
      absWorkingDir: projectRoot,
      logLevel: 'silent',
      platform: 'node',
    })
    const loaded = new Set<string>(['scripts/deploy.ts'])
    for (const file of loaded)
      for (const { path, kind } of metafile.inputs[file]?.imports ?? [])
        if (kind === 'import-statement') loaded.add(path)
    expect([...loaded]).toContain('scripts/deploy/settings.ts')
    const foreign = [...loaded].filter((path) => !path.startsWith('scripts/') && !path.startsWith('node:'))
    expect(foreign.sort()).toEqual(['db/logins.ts', 'zod/mini'])
  })
})

describe('the mark of a version', () => {
  test('changes with the bundle, a variable or a secret, and tells none of them', async () => {
    const { deployment: made, chosen } = await wanted()
    const settle = named(chosen, 'settle')
    const mark = markOf(made, settle, bundled('a'))
    expect(markOf(made, { ...settle }, bundled('a'))).toBe(mark)
    expect(markOf(made, settle, bundled('b'))).not.toBe(mark)
    expect(markOf(made, { ...settle, vars: { ...settle.vars, X: '1' } }, bundled('a'))).not.toBe(mark)
    const secrets = { ...settle.secrets, RPC_URL: 'https://b.example.com' }
    expect(markOf(made, { ...settle, secrets }, bundled('a'))).not.toBe(mark)
    expect(mark).toMatch(/^[0-9a-f]{32}-[0-9a-f]{32}$/)
    // What --only compares, without the other Workers' bundles.
    const ends = (worker: WantedWorker) => mark.endsWith(settingsMark(made, worker))
    expect([settle, { ...settle, secrets }, { ...settle, vars: {} }].map(ends)).toEqual([true, false, false])
    expect(`${MESSAGE}${mark}`.length).toBeLessThanOrEqual(100)
    expect(JSON.stringify(uploadConfig(settle))).not.toContain(SECRETS.RPC_URL)
  })
})

describe('a failure of wrangler', () => {
  test('is told in its own words, without frame and hints', () => {
    const output =
      '\n ⛅️ wrangler 4.86.0\n───\n\u001b[31m✘ \u001b[41;31m[\u001b[41;97mERROR\u001b[41;31m]\u001b[0m A request failed.\n\n  No such class [code: 10070]\n  \n  If you think this is a bug, please open an issue\n\n🪵  Logs were written to "x"\n'
    expect(wordsOf(output)).toBe('A request failed. No such class [code: 10070]')
  })
})

describe('the signing key', () => {
  const der = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({
    type: 'spki',
    format: 'der',
  })

  test('gives its address from the public half as KMS prints it, and from nothing else', () => {
    expect(addressOfPublicKey(der.toString('base64') + '\n')).toMatch(/^0x[0-9a-fA-F]{40}$/)
    const other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey
    const wrong = other.export({ type: 'spki', format: 'der' }).toString('base64')
    for (const text of [wrong, 'None', '']) expect(() => addressOfPublicKey(text)).toThrow('no public key')
  })

  test('signs digests for one user; the account may look after it, and neither sign nor grant that', () => {
    const { Statement } = keyPolicy('123456789012', 'signer') as {
      Statement: { Sid: string; Action: string | string[] }[]
    }
    const care = Statement.find(({ Sid }) => Sid === 'Care')?.Action as string[]
    const allows = (action: string) =>
      care.some((one) => new RegExp(`^${one.replaceAll('*', '.*')}$`).test(action))
    expect(['kms:PutKeyPolicy', 'kms:ScheduleKeyDeletion'].map(allows)).toEqual([true, true])
    expect(['kms:Sign', 'kms:CreateGrant', 'kms:Verify'].map(allows)).toEqual([false, false, false])
    expect(kmsCommands({ region: 'eu-central-1', alias: 'a', user: 'u' })).toContain(
      'create-key --key-spec ECC_SECG_P256K1',
    )
  })

  test('is made once: a second run keeps what is there under its name', () => {
    const calls: string[] = []
    const there = new Set<string>()
    const aws = (...args: string[]): string => {
      const what = args.slice(0, 2).join(' ')
      calls.push(what)
      const missing = { 'iam get-user': 'user', 'kms describe-key': 'alias' }[what]
      if (missing !== undefined && !there.has(missing))
        throw new Error(missing === 'user' ? 'NoSuchEntity' : 'NotFoundException')
      if (what === 'iam create-user') there.add('user')
      if (what === 'kms create-alias') there.add('alias')
      if (what === 'kms get-key-policy') return JSON.stringify(keyPolicy('123456789012', 'u'))
      if (what === 'kms get-public-key') return der.toString('base64')
      if (what === 'iam create-access-key')
        return JSON.stringify({ AccessKey: { AccessKeyId: 'A', SecretAccessKey: 'S' } })
      return '123456789012'
    }
    const options = { region: 'r', alias: 'a', user: 'u' }
    const first = makeSigner(options, aws, () => {})
    const again = calls.splice(0).length
    expect(makeSigner(options, aws, () => {}).address).toBe(first.address)
    expect(again).toBeGreaterThan(0)
    expect(calls).not.toContain('kms create-key')
    expect(calls).not.toContain('iam create-user')
    const denied = () => {
      throw new Error('AccessDenied')
    }
    expect(() => makeSigner(options, denied, () => {})).toThrow('AccessDenied')
  })
})
