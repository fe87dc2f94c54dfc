/** The deploy command as a person runs it, by the real wrangler, against a stand-in for Cloudflare that keeps its rules. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { askHost } from '../scripts/deploy/ask.ts'
import { copyProject } from '../scripts/deploy-check/canaries.ts'
import { deploy, type DeployOptions } from '../scripts/deploy/run.ts'
import { bundled } from '../scripts/deploy/upload.ts'
import { bundleFunction } from '../scripts/stack/bundle.ts'
import { newScript } from '../scripts/stack/cloudflare/account.ts'
import { readWranglerConfig } from '../scripts/stack/wrangler-config.ts'
import { startRehearsal, type Rehearsal } from '../scripts/stack/rehearsal.ts'

/** Enough to have an order, a class that another binds, routes, secrets and a cron; each costs a few seconds. */
const DEPLOYED = ['stream', 'settle', 'health']
const names = DEPLOYED.map((fn) => `tidegate-${fn}-staging`)

// Each run bundles and uploads by wrangler, which takes its time on a machine that has other things to do.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 180_000 })

let on: Rehearsal
/** What was sent where the shell points to, and not the operator. */
const led: string[] = []
const elsewhere = createServer((request, response) => {
  led.push(`${request.method} ${request.url}`)
  response.writeHead(500).end()
}).on('connect', (request, socket) => {
  led.push(`CONNECT ${request.url}`)
  socket.destroy()
})
beforeAll(async () => {
  on = await startRehearsal()
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`
  // Every run of the command has the shell of somebody whose other projects are elsewhere.
  on.shell = {
    CLOUDFLARE_API_BASE_URL: url,
    CLOUDFLARE_ACCOUNT_ID: 'f'.repeat(32),
    CLOUDFLARE_ENV: 'production',
    WRANGLER_API_ENVIRONMENT: 'staging',
    WRANGLER_CI_OVERRIDE_NAME: 'somebody-else',
    HTTP_PROXY: url,
    HTTPS_PROXY: url,
    NODE_USE_ENV_PROXY: '1',
    NODE_ENV: 'test',
    PGHOST: '127.0.0.9',
    PGOPTIONS: '-c default_transaction_read_only=on',
    GIT_DIR: '/nowhere',
    // Of the tests themselves, for the command alone to start sooner: what it starts gets neither.
    NODE_OPTIONS: process.env.NODE_OPTIONS ?? '',
    LIGHT_MODULES: process.env.LIGHT_MODULES ?? '',
  }
  const functions = Object.keys(readWranglerConfig().env ?? {})
  on.settings.leaveOut = functions.filter((fn) => !DEPLOYED.includes(fn))
})
afterAll(async () => {
  elsewhere.close()
  await on.stop()
})
beforeEach(() => void on.cloudflare.api.calls.splice(0))

const staging = async (...options: string[]) => await on.deploy('--env', 'staging', ...options)
const scripts = () => [...on.cloudflare.account.scripts.keys()].sort()
const changes = () => on.cloudflare.api.calls.filter((call) => !call.startsWith('GET '))
const uploads = () => changes().filter((call) => /PUT .*scripts\/[^/]+$|POST .*\/versions$/.test(call))
const rowsOf = async (statement: string): Promise<unknown[]> => {
  const client = new pg.Client({ connectionString: on.databaseUrl })
  await client.connect()
  return (await client.query(statement).finally(() => client.end())).rows
}
const logins = async () => await rowsOf('select rolname, rolpassword from pg_authid order by 1')

interface Change {
  settings?: Record<string, unknown>
  secrets?: Record<string, string>
}

/** The files with a change, which are as they were afterwards. */
async function filesWith({ settings, secrets }: Change) {
  const before = { settings: on.settings, secrets: on.secrets }
  Object.assign(on, { settings: { ...on.settings, ...settings }, secrets: { ...on.secrets, ...secrets } })
  const files = await on.writeFiles()
  Object.assign(on, before)
  return files
}

/** Without a process for each: what is refused is refused before wrangler is asked for anything. */
async function tried(change: Change, options: Partial<DeployOptions> = {}): Promise<string> {
  const log = vi.spyOn(console, 'log').mockReturnValue()
  const before = [scripts(), await logins()]
  const plain = { environment: 'staging', only: undefined, plan: false, single: false, destroy: false }
  const { edgeUrl: connectTo, api } = on.cloudflare
  const asked = { ...(await filesWith(change)), ...plain, connectTo, cloudflareApi: api.url, ...options }
  const message = await deploy(asked, {}).then(
    () => 'not refused',
    (error: Error) => error.message,
  )
  log.mockRestore()
  expect([scripts(), await logins()]).toEqual(before)
  expect(changes()).toEqual([])
  return message
}

describe('before anything is touched', () => {
  const refused = async (settings: Record<string, unknown>, options: Partial<DeployOptions> = {}) =>
    await tried({ settings }, options)

  test('a file with mistakes is refused, with all of them', async () => {
    expect(await refused({ account: 'x', wish: 1 })).toMatch(/account: [\s\S]*"wish"/)
  })

  test('a host of another zone, a zone that is not there and a token of nobody are refused', async () => {
    const environments = { staging: { host: 'api.example.org', rateLimitOffset: 1 } }
    expect(await refused({ environments })).toContain('api.example.org is not in the zone tidegate.example')
    expect(await refused({ zone: 'f'.repeat(32) })).toContain('[code: 7003]')
    const token = on.secrets.CLOUDFLARE_API_TOKEN ?? ''
    on.secrets.CLOUDFLARE_API_TOKEN = 'nobody'
    expect(await refused({})).toContain('[code: 9109]')
    on.secrets.CLOUDFLARE_API_TOKEN = token
  })

  test('a function is refused whose class another Worker has, while that one is not deployed', async () => {
    expect(await refused({}, { only: 'settle' })).toContain(
      'tidegate-settle-staging binds a class of tidegate-stream-staging, which is not deployed',
    )
  })

  test('a route that leads to somebody else’s Worker is refused', async () => {
    const [zone] = on.cloudflare.account.zones
    zone?.routes.push({ id: '1', pattern: `staging.${on.host}/ws*`, script: null })
    expect(await refused({}, { only: 'stream' })).toContain('/ws* leads to no Worker already')
    zone?.routes.splice(0)
  })

  test('nothing but a whole test environment is deleted', async () => {
    const top = { destroy: true, environment: undefined }
    expect(await refused({}, top)).toContain('--destroy is for an environment')
    const variables = { ...(on.settings.variables as object), TESTNET_ONLY: 'false' }
    expect(await refused({ variables }, { destroy: true })).toContain('since it is not TESTNET_ONLY')
    expect(await refused({}, { destroy: true, only: 'stream' })).toContain('leave out --single and --only')
  })
})

describe('a deployment', () => {
  test('shows as a plan what would change, with each bundle’s hash and no secret, and changes nothing', async () => {
    const before = await logins()
    const { code, output } = await staging('--plan')
    expect([code, output]).toEqual([0, expect.stringContaining('nothing was changed')])
    for (const name of names) expect(output).toMatch(new RegExp(`${name} +[0-9a-f]{12}  new, `))
    expect(output).toContain(`+ route staging.${on.host}/ws*`)
    expect(output).toMatch(/tidegate-settle-staging .* \+ cron \* \* \* \* \*$/m)
    expect(output).toMatch(/^database: migrations 0000_.*; verbs of .*; passwords of tidegate_reads/m)
    const values = Object.values(on.secrets).filter((value) => value.length > 7)
    for (const value of values) expect(output).not.toContain(value)
    expect([scripts(), changes(), await logins()]).toEqual([[], [], before])
  })

  test('that breaks off says what is done and what is not; the next run goes on from there', async () => {
    const { faults } = on.cloudflare.api
    // The first is done and never answered, another is refused.
    faults.push({ kind: 'cut', method: 'PUT', path: /scripts\/tidegate-stream-staging$/, calls: 1 })
    faults.push({ kind: 'refuse', method: 'PUT', path: /scripts\/tidegate-settle-staging$/, calls: 99 })
    const runs: { code: number; output: string }[] = []
    for (let run = 0; run < 3 && runs.at(-1)?.output.includes('FAILED   tidegate-settle') !== true; run++)
      runs.push(await staging())
    const broken = runs.at(-1)
    expect(broken?.code).toBe(1)
    expect(broken?.output).toMatch(/^tidegate-settle-staging: .*\[code: 10001\]/m)
    expect(broken?.output).toMatch(/^not done, as far as is known: tidegate-settle-staging/m)
    expect(broken?.output).toContain('run the same command again to go on')
    faults.splice(0)
    const rest = names.filter((name) => broken?.output.includes(`deployed ${name}`) !== true)
    on.cloudflare.api.calls.splice(0)
    const { code, output } = await staging()
    expect([code, output]).toEqual([
      0,
      expect.stringMatching(/\/health: ok\nverify: \d+ invariants hold\ndone$/m),
    ])
    expect(uploads().length).toBeLessThanOrEqual(rest.length)
    expect(scripts()).toEqual([...names].sort())
  })

  test('changes nothing when it is run again', async () => {
    const before = await logins()
    const { code, output } = await staging()
    expect([code, output]).toEqual([0, expect.stringContaining('done: nothing had to be changed')])
    expect([changes(), await logins()]).toEqual([[], before])
  })

  test('answers by its host and route, also with a query, and keeps its logs', async () => {
    const question = { connectTo: on.cloudflare.edgeUrl }
    expect((await askHost(`staging.${on.host}`, '/health?x=1', question)).status).toBe(200)
    for (const name of names) {
      const script = on.cloudflare.account.scripts.get(name)
      expect(script?.settings.observability.enabled).toBe(true)
      expect(script?.versions.at(-1)?.placement).toEqual({ mode: 'smart' })
      expect(script?.subdomain).toEqual({ enabled: false, previews_enabled: false })
    }
    expect(await on.cloudflare.runCron('tidegate-settle-staging', '* * * * *')).toMatchObject({
      outcome: 'ok',
    })
  })

  test('uploads what a variable or a change by hand concerns, and nothing else', async () => {
    on.settings.variables = { ...(on.settings.variables as object), RESERVATION_TTL_SECONDS: '60' }
    const health = on.cloudflare.account.scripts.get('tidegate-health-staging')
    if (health) health.subdomain.enabled = true
    const zone = on.cloudflare.account.zones[0]
    zone?.routes.push({ id: 'old', pattern: `staging.${on.host}/old*`, script: 'tidegate-stream-staging' })
    const { code, output } = await staging()
    expect([code, output]).toEqual([0, expect.stringContaining('+ variable RESERVATION_TTL_SECONDS')])
    expect(output).toMatch(/tidegate-health-staging +[0-9a-f]{12}  - workers\.dev/)
    expect(output).toMatch(/tidegate-stream-staging +[0-9a-f]{12}  - route .*\/old\*/)
    expect(uploads()).toHaveLength(2)
    expect(health?.subdomain.enabled).toBe(false)
    expect(zone?.routes.map(({ pattern }) => pattern)).not.toContain(`staging.${on.host}/old*`)
  })

  test('is not made as one Worker beside Workers for each function', async () => {
    const { code, output } = await staging('--single')
    expect([code, output]).toEqual([1, expect.stringContaining('deployed one by one')])
    expect(changes()).toEqual([])
  })

  test('of an environment can be deleted: its Workers and routes go, others and the database stay', async () => {
    on.cloudflare.account.scripts.set('somebody-else', newScript('somebody-else'))
    const plan = await staging('--destroy', '--plan')
    for (const name of names) expect(plan.output).toContain(name)
    expect(changes()).toEqual([])
    const { code, output } = await staging('--destroy')
    expect([code, output]).toEqual([
      0,
      expect.stringContaining('deleted 3 Workers; the database is as it was'),
    ])
    expect(scripts()).toEqual(['somebody-else'])
    expect(on.cloudflare.account.zones[0]?.routes).toEqual([])
    expect(await rowsOf('select count(*) > 0 as there from tokens')).toEqual([{ there: true }])
  })
})

test('nothing is sent where the shell points to', () => expect(led).toEqual([]))

test('the same sources give the same bundle, wherever they lie', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate other place '))
  const copy = join(folder, 'copy')
  await copyProject(copy)
  const here = await bundleFunction({ env: 'health', outdir: join(folder, 'here') })
  const config = join(copy, 'wrangler.toml')
  const there = await bundleFunction({ env: 'health', outdir: join(folder, 'there'), config })
  expect(bundled(there.text).hash).toBe(bundled(here.text).hash)
  await rm(folder, { recursive: true })
})
