/** What a deployment may do to others: to another environment's database, and to the Workers that --only leaves alone. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { JOBS, loginOf } from '../db/logins.ts'
import { cloudflareApi } from '../scripts/deploy/cloudflare.ts'
import { bringUpDatabase, planDatabase, tokensFor } from '../scripts/deploy/database.ts'
import { environmentName, isNamed, nameDatabase } from '../scripts/deploy/environment.ts'
import { passwordOf } from '../scripts/deploy/logins.ts'
import { refuseChangesForOthers } from '../scripts/deploy/only.ts'
import { lookAround } from '../scripts/deploy/plan.ts'
import { deploy, type DeployOptions } from '../scripts/deploy/run.ts'
import { readDeployment } from '../scripts/deploy/settings.ts'
import { bundled, markOf, MESSAGE } from '../scripts/deploy/upload.ts'
import { wantedWorkers, type WantedWorker } from '../scripts/deploy/wanted.ts'
import { startRehearsal, type Rehearsal } from '../scripts/stack/rehearsal.ts'
import { readWranglerConfig } from '../scripts/stack/wrangler-config.ts'

const DEPLOYED = ['stream', 'settle', 'health']
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })

let on: Rehearsal
const rowsOf = async (statement: string): Promise<unknown[]> => {
  const client = new pg.Client({ connectionString: on.databaseUrl })
  await client.connect()
  return (await client.query(statement).finally(() => client.end())).rows
}
const logins = async () => await rowsOf('select rolname, rolpassword from pg_authid order by 1')
const scripts = () => [...on.cloudflare.account.scripts.keys()].sort()

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

async function read(environment: string | undefined, takeOver?: string, change: Change = {}) {
  const { file, secretFile } = await filesWith(change)
  const asked = { takeOver, cloudflareApi: on.cloudflare.api.url }
  return { file, made: readDeployment(file, environment, { file: secretFile, env: {} }, asked) }
}

/** Uploads a Worker of nothing with the mark that ours has. */
async function upload(worker: WantedWorker, message: string): Promise<void> {
  const { account, api, token } = on.cloudflare
  const form = new FormData()
  const annotations = { 'workers/message': message }
  const metadata = { main_module: 'index.js', bindings: [], compatibility_date: '2026-01-01', annotations }
  form.set('metadata', JSON.stringify(metadata))
  const code = 'export default { fetch: () => new Response() }'
  form.set('index.js', new File([code], 'index.js', { type: 'application/javascript+module' }))
  const url = `${api.url}/accounts/${account.id}/workers/scripts/${worker.name}`
  const response = await fetch(url, {
    method: 'PUT',
    body: form,
    headers: { authorization: `Bearer ${token}` },
  })
  expect(response.status, await response.text()).toBe(200)
}

beforeAll(async () => {
  on = await startRehearsal()
  const functions = Object.keys(readWranglerConfig().env ?? {})
  on.settings.leaveOut = functions.filter((fn) => !DEPLOYED.includes(fn))
  const { file, made } = await read('staging')
  const tokens = await tokensFor(made)
  await bringUpDatabase(made, await planDatabase(made, tokens), tokens)
  const { chosen } = await wantedWorkers(file, made, {})
  for (const worker of chosen) await upload(worker, MESSAGE + markOf(made, worker, bundled('')))
})
afterAll(async () => await on.stop())

/** @returns why it was refused, before anything was touched */
async function tried(change: Change, options: Partial<DeployOptions> = {}): Promise<string> {
  const before = [scripts(), await logins()]
  on.cloudflare.api.calls.splice(0)
  const plain = { environment: 'staging', only: undefined, plan: false, single: false, destroy: false }
  const { edgeUrl: connectTo, api } = on.cloudflare
  const asked = { ...(await filesWith(change)), ...plain, connectTo, cloudflareApi: api.url, ...options }
  const message = await deploy(asked, {}).then(
    () => 'not refused',
    (error: Error) => error.message,
  )
  expect([scripts(), await logins()]).toEqual(before)
  expect(api.calls.filter((call) => !call.startsWith('GET '))).toEqual([])
  return message
}

/** @throws Error where --only is refused; nothing is bundled or changed */
async function judged(only: string, change: Change): Promise<void> {
  const { file, made } = await read('staging', undefined, change)
  const wanted = await wantedWorkers(file, made, { only })
  const api = cloudflareApi(made)
  const there = await lookAround(made, wanted, api)
  await refuseChangesForOthers(made, wanted, there, await planDatabase(made, await tokensFor(made)), api)
}

describe('a deployment', () => {
  test('takes no database that is another environment’s, whatever the key is', async () => {
    const top = { environment: undefined }
    const own = `${on.cloudflare.account.id}/staging.${on.host}/staging`
    const newKey = { DEPLOY_KEY: 'k'.repeat(64) }
    const others: [Change, Partial<DeployOptions>][] = [
      [{}, top],
      [{ secrets: newKey }, top],
      [{ secrets: newKey, settings: { environments: {} } }, top],
      [{ settings: { environments: { staging: { host: `new.${on.host}`, rateLimitOffset: 1 } } } }, {}],
      [{}, { ...top, takeOver: `${own}-2` }],
    ]
    for (const [change, options] of others)
      expect(await tried(change, options)).toContain(`leads to the database of ${own}, and this is `)
  })

  test('takes no other database of the server, whose logins are the same', async () => {
    await on.stack.postgres.createDatabase('beside')
    const secrets = { OWNER_DATABASE_URL: on.stack.postgres.ownerUrl('beside'), DEPLOY_KEY: 'k'.repeat(64) }
    const message = await tried({ secrets }, { environment: undefined })
    expect(message).toContain(`leads to the database of ${on.cloudflare.account.id}/staging.`)
  })

  test('takes a database over where its environment’s name is written out, and then it is no longer that one’s', async () => {
    const { made: staging } = await read('staging')
    const { made: top } = await read(undefined, environmentName(staging))
    expect([await isNamed(staging), await isNamed(top)]).toEqual([true, false])
    await nameDatabase(top)
    expect(await isNamed(top)).toBe(true)
    await expect(isNamed(staging)).rejects.toThrow(`the database of ${environmentName(top)}`)
    await expect(nameDatabase(staging)).rejects.toThrow(`the database of ${environmentName(top)}`)
    await nameDatabase((await read('staging', environmentName(top))).made)
    expect(await isNamed(staging)).toBe(true)
    for (const job of JOBS) {
      const role = loginOf(job)
      const url = new URL(on.databaseUrl)
      Object.assign(url, { username: role, password: passwordOf(staging, job) })
      const client = new pg.Client({ connectionString: url.href })
      await client.connect()
      for (const statement of [
        `update ledger.deployed_environment set name = 'x'`,
        'delete from ledger.deployed_environment',
        `comment on role ${role} is null`,
      ])
        await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' })
      await client.end()
    }
  })

  test('of one Worker changes nothing that the others live by', async () => {
    const only = { only: 'health' }
    const variables = on.settings.variables as object
    expect(await tried({ secrets: { DEPLOY_KEY: 'k'.repeat(64) } }, only)).toMatch(
      /database would change under the 2 other Workers .*passwords of tidegate_reads/,
    )
    const shared = { settings: { variables: { ...variables, CORS_ORIGINS: 'https://new.example' } } }
    expect(await tried(shared, only)).toContain('no longer be those of tidegate-stream-staging.')
    const moved = { settings: { pooledHost: '127.0.0.1:1' } }
    expect(await tried(moved, only)).toContain('no longer be those of tidegate-')
    expect(await tried({}, { ...only, takeOver: 'x' })).toContain('leave out --only')
    const [verb] = await rowsOf(`select hash from ledger.verb_files where name = 'core.sql'`)
    const setHash = async (hash: string) =>
      await rowsOf(`update ledger.verb_files set hash = '${hash}' where name = 'core.sql'`)
    await setHash('older')
    expect(await tried({}, only)).toContain('(verbs of core.sql)')
    await setHash((verb as { hash: string }).hash)
    await rowsOf(`update tokens set min_withdraw = min_withdraw + 1 where symbol = 'DF'`)
    expect(await tried({}, only)).toContain('(tokens DF)')
    await rowsOf(`update tokens set min_withdraw = min_withdraw - 1 where symbol = 'DF'`)
    // What concerns that one alone is its own affair, and so is one that nothing has changed for.
    await judged('settle', { settings: { variables: { ...variables, RESERVATION_TTL_SECONDS: '61' } } })
    await judged('health', { settings: { variables: { ...variables, RESERVATION_TTL_SECONDS: '61' } } })
  })
})
