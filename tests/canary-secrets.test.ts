import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { JOBS, loginOf } from '../db/logins.ts'
import { issueSession } from '../functions/_lib/access/session-token.ts'
import { plantCanaries, searchFolder } from '../scripts/deploy-check/canaries.ts'
import { EVERY_SECRET } from '../scripts/deploy-check/secrets.ts'
import { bundleFunction } from '../scripts/stack/bundle.ts'
import { readWranglerConfig } from '../scripts/stack/wrangler-config.ts'
import { ownStack } from './support/own-stack.ts'
import { runScript } from './support/script.ts'

const canary = (name: string) => `canary-${name}-${randomBytes(24).toString('hex')}`
const CANARIES = {
  JWT_SECRET: canary('jwt'),
  ADMIN_API_KEY: canary('admin'),
}

let own: Awaited<ReturnType<typeof ownStack>>
const secrets: Record<string, string> = { ...CANARIES }
const bodies: string[] = []
beforeAll(async () => {
  own = await ownStack(CANARIES)
  const { stack } = own
  Object.assign(secrets, {
    kms: stack.env.AWS_SECRET_ACCESS_KEY!,
    ...Object.fromEntries(
      Object.values(stack.manifest.loginUrls).map((url) => [new URL(url).username, new URL(url).password]),
    ),
    ownerPassword: new URL(stack.manifest.databaseUrl).password,
    connectionString: 'postgresql://',
  })
})
afterAll(async () => await own.stop())

/** One call, whose answer is kept when it is an error; the successful ones carry the caller's own secrets rightly. */
async function call(path: string, options: Parameters<typeof own.client.call>[1] = {}) {
  const answer = await own.client.call(path, options)
  if (answer.status >= 400) bodies.push(answer.text + JSON.stringify([...answer.headers]))
  return answer
}

describe('secrets', () => {
  // A caller who names a request by a secret has published it; everywhere else it is ours to keep.
  test('show up in no log line and no error, whatever was asked and whatever failed', async () => {
    const { stack, client } = own
    const { account } = await client.newAccount()
    const now = Math.floor(Date.now() / 1000)
    const { token } = await issueSession(
      { JWT_SECRET: CANARIES.JWT_SECRET, JWT_TTL_SECONDS: 600 },
      account,
      now,
    )
    secrets.bearer = token
    const credit = { user_address: account, token: 'DF', amount: '50' }
    const admin = { apiKey: CANARIES.ADMIN_API_KEY }
    expect((await call('/admin/spot/balances/credit', { ...admin, json: credit })).status).toBe(200)
    const withdrawal = await call('/spot/withdraw/request', { token, json: { token: 'DF', amount: '2' } })
    expect(withdrawal.status).toBe(200)
    secrets.signature = String(withdrawal.body.signature).slice(2)
    const key = await call('/api-keys', { token, json: {} })
    secrets.apiKey = key.body.api_key

    const misplaced = async () => {
      for (const secret of [
        token,
        CANARIES.ADMIN_API_KEY,
        secrets.apiKey!,
        withdrawal.body.signature as string,
      ]) {
        await call(`/spot/withdrawals/${secret}`, { token })
        await call(`/spot/balances?api_key=${secret}`, { token })
        await call('/spot/balances', { token: secret + 'x' })
        await call('/spot/balances', { apiKey: secret + 'x' })
        await call('/spot/transfer', { token, json: { token: secret, direction: secret, amount: secret } })
        await call('/spot/transfer', { token, json: { [secret]: 1 } })
        await call('/spot/transfer', { token, json: `{"token":"${secret}` })
        await call('/spot/withdraw/request', { token, json: { token: 'DF', amount: '1', recipient: secret } })
        await call('/auth/login', { json: { address: account, signature: secret, timestamp: now } })
        await call('/admin/spot/balances/credit', { ...admin, json: { ...credit, user_address: secret } })
      }
    }
    await misplaced()
    stack.proxy.control({ next: [{ kind: 'cutBeforeSend' }, { kind: 'cutAfterCommit' }] })
    for (let time = 0; time < 3; time += 1) await call('/spot/balances', { token })
    for (const kind of ['throttle', 'down', 'wrongKey'] as const) {
      stack.kms.control({ faults: [{ kind, calls: 1, operation: 'Sign' }] })
      await call('/spot/withdraw/request', { token, json: { token: 'DF', amount: '2' } })
    }
    await stack.postgres.stop('immediate')
    await call('/spot/balances', { token })
    await call('/spot/withdraw/request', { token, json: { token: 'DF', amount: '2' } })
    await call('/admin/spot/balances/credit', { ...admin, json: credit })
    await stack.postgres.restart()
    // Too short to be a key: the configuration is refused, naming the variable and not its value.
    await stack.restartGateway({ JWT_SECRET: CANARIES.JWT_SECRET.slice(0, 20) })
    secrets.shortKey = CANARIES.JWT_SECRET.slice(0, 20)
    expect((await call('/spot/balances', { token })).status).toBe(500)

    const log = readFileSync(join(own.folder, 'functions.log'), 'utf8').split('\n')
    expect(log.some((line) => line.includes('"outcome":"ok"'))).toBe(true)
    expect(bodies.length).toBeGreaterThan(40)
    for (const [name, secret] of Object.entries(secrets)) {
      const where = {
        log: log.filter((line) => line.includes(secret)).map((line) => line.replaceAll(secret, '***')),
        errors: bodies.filter((body) => body.includes(secret)).length,
      }
      expect([name, where]).toEqual([name, { log: [], errors: 0 }])
    }
  })
})

describe('a build on a machine that has secrets in its environment and its files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-canaries-'))
  afterAll(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true, force: true })
  })

  // Between them these are told every secret; CI looks through all functions, with the same command.
  const functions = process.env.ALL_FUNCTIONS
    ? Object.keys(readWranglerConfig().env ?? {})
    : ['admin-credit', 'settle', 'spot-withdraw-request']

  test(`leaves none of them in the bundle, the source map or the output of ${functions.join(', ')}`, async () => {
    const args = ['scripts/deploy-check.ts', ...functions]
    const { code, out: stdout, error: said } = await runScript(args)
    expect(code, said).toBe(0)
    const rows = stdout.split('\n').map((line) => line.split(' ')[0])
    expect(rows).toEqual(expect.arrayContaining(['(gateway)', ...functions]))
    const [, secretCount, fileCount] = /values of (\d+) secrets in (\d+) files/.exec(stdout) ?? []
    expect(Number(secretCount)).toBeGreaterThan(EVERY_SECRET.length)
    // Of each function and the gateway at least its module, its source map and its output.
    expect(Number(fileCount)).toBeGreaterThanOrEqual(3 * (functions.length + 1))
  }, 240_000)

  test('is of functions that there are: another name is refused before anything is built', async () => {
    const args = ['scripts/deploy-check.ts', 'settle', 'setle']
    expect(await runScript(args)).toEqual({
      code: 2,
      out: '',
      error: 'setle: there is no function with this file and an [env] in wrangler.toml\n',
    })
  })

  test('is caught when it leaves one in any of the three', async () => {
    const { config, env, marks } = await plantCanaries(join(folder, 'project'), ['rogue'])
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    vi.stubEnv('WRANGLER_LOG_PATH', join(folder, 'made/output'))
    const put = (path: string, text: string) => writeFileSync(join(dirname(config), path), text)
    // A build step that writes what it finds in the environment, a module that takes a file of the local stack, a text
    // that takes wrangler's own file, a comment that only the source map keeps, and a variable that wrangler prints.
    put(
      'step.mjs',
      `import { writeFileSync } from 'node:fs'
       writeFileSync('made.ts', \`export const key = '\${process.env.ADMIN_API_KEY}'\`)`,
    )
    put(
      'rogue.ts',
      `import { key } from './made.ts'
       import vars from './.dev.vars'
       import { passwords } from './.local/secrets.json'
       // ${env.RPC_URL}
       export default { fetch: () => Response.json([key, vars, passwords.reads]) }`,
    )
    put(
      'wrangler.toml',
      `name = "rogue"
       compatibility_date = "2026-11-17"
       rules = [{ type = "Text", globs = ["**/.dev.vars"] }]
       [env.rogue]
       name = "rogue"
       main = "rogue.ts"
       build = { command = "node step.mjs" }
       vars = { KEY = "${env.ADMIN_API_KEY}" }`,
    )
    await bundleFunction({ env: 'rogue', outdir: join(folder, 'made/rogue'), config })
    const { faults } = await searchFolder(join(folder, 'made'), marks)
    const inFiles = (pattern: RegExp) =>
      faults.flatMap((line) => (pattern.test(line) ? [line.replace(/^.* of /, '')] : [])).sort()
    expect(inFiles(/^rogue\/rogue\.js:/)).toEqual([
      'ADMIN_API_KEY',
      ...JOBS.map((job) => `the local login ${loginOf(job)}`).sort(),
    ])
    expect(inFiles(/^rogue\/rogue\.js\.map:/)).toEqual(expect.arrayContaining(['ADMIN_API_KEY', 'RPC_URL']))
    expect(inFiles(/^rogue\/[0-9a-f]+-\.dev\.vars:/)).toEqual(EVERY_SECRET)
    expect(inFiles(/^output\/.*\.log:/)).toEqual(['ADMIN_API_KEY'])
  })
})
