import { readFile, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectRoot } from '../scripts/stack/manifest.ts'
import { HOST, ownCloudflare } from './support/cloudflare.ts'

const PLAIN = 'export default { fetch: () => new Response("plain") }'
const OWNER = `
export class Counter {
  constructor(state) { this.storage = state.storage }
  async fetch() {
    const next = ((await this.storage.get('n')) ?? 0) + 1
    await this.storage.put('n', next)
    return new Response(String(next))
  }
}
export default { fetch: (request, env) => env.COUNTER.get(env.COUNTER.idFromName('one')).fetch(request),
  async scheduled(event, env) { await env.COUNTER.get(env.COUNTER.idFromName('one')).fetch('http://counter') } }`
const counter = (script_name?: string) => ({
  type: 'durable_object_namespace',
  name: 'COUNTER',
  class_name: 'Counter',
  ...(script_name && { script_name }),
})
const MADE = { migrations: { new_tag: 'v1', steps: [{ new_sqlite_classes: ['Counter'] }] } }
const secret = (name: string, text: string) => ({ type: 'secret_text', name, text })

let cf: Awaited<ReturnType<typeof ownCloudflare>>
beforeAll(async () => (cf = await ownCloudflare()))
afterAll(async () => await cf.stop())

const routes = () => `/zones/${cf.zone.id}/workers/routes`

describe('an upload', () => {
  test('is refused with 10070 when a migration makes a class that the script does not export', async () => {
    const refused = await cf.upload('no-class', PLAIN, MADE)
    expect([refused.status, refused.codes]).toEqual([400, [10070]])
    expect(refused.messages).toContain("'Counter'")
    expect((await cf.call('GET', 'scripts/no-class/deployments')).codes).toEqual([10007])
  })

  test('is refused with 10061 for a class that no migration made, here or in another script, or no script at all', async () => {
    expect((await cf.upload('owner', OWNER, { ...MADE, bindings: [counter()] })).status).toBe(200)
    expect((await cf.upload('x', OWNER, { bindings: [counter()] })).codes).toEqual([10061])
    expect((await cf.upload('x', PLAIN, { bindings: [counter('nobody')] })).codes).toEqual([10061])
    const other = { ...counter('owner'), class_name: 'Other' }
    expect((await cf.upload('x', PLAIN, { bindings: [other] })).codes).toEqual([10061])
    expect((await cf.upload('x', PLAIN, { bindings: [counter('owner')] })).status).toBe(200)
  })

  test('makes a class once: again it is 10074, by a wrong tag 10079, and leaving it out is 10064', async () => {
    await cf.upload('twice', OWNER, MADE)
    const again = (old_tag: string) => ({ migrations: { ...MADE.migrations, old_tag, new_tag: 'v2' } })
    expect((await cf.upload('twice', OWNER, again('v1'))).codes).toEqual([10074])
    expect((await cf.upload('twice', OWNER, MADE)).codes).toEqual([10079])
    expect((await cf.upload('twice', PLAIN)).codes).toEqual([10064])
    expect((await cf.call('GET', 'services/twice')).result.default_environment.script.migration_tag).toBe(
      'v1',
    )
  })

  test('is refused for a service that is not there, and for a binding of no known kind', async () => {
    const service = { type: 'service', name: 'S', service: 'nobody' }
    expect((await cf.upload('y', PLAIN, { bindings: [service] })).codes).toEqual([10144])
    expect((await cf.upload('y', PLAIN, { bindings: [{ type: 'wish', name: 'W' }] })).codes).toEqual([10021])
    const rate = { type: 'ratelimit', name: 'R', namespace_id: '1', simple: { limit: 1, period: 30 } }
    expect((await cf.upload('y', PLAIN, { bindings: [rate] })).codes).toEqual([10021])
  })

  test('is refused when it is no module, has a date to come, or a secret over 5 kB', async () => {
    expect((await cf.upload('z', 'export default {')).codes).toEqual([10021])
    expect((await cf.upload('z', PLAIN, { main_module: 'other.js' })).codes).toEqual([10021])
    expect((await cf.upload('z', PLAIN, { compatibility_date: '2999-01-01' })).codes).toEqual([10021])
    expect((await cf.upload('z', PLAIN, { bindings: [secret('S', 'x'.repeat(5121))] })).codes).toEqual([
      10054,
    ])
    const names = (await cf.list<{ id: string }>('scripts')).map(({ id }) => id)
    expect(names).toContain('owner')
    expect(names).not.toContain('z')
  })
})

describe('secrets', () => {
  test('are missed with 10057 when an upload inherits one that was never set', async () => {
    await cf.upload('keeper', PLAIN, { bindings: [secret('A', '1')] })
    const inherits = (name: string) => ({ bindings: [{ type: 'inherit', name }] })
    const missed = await cf.upload('keeper', PLAIN, inherits('B'))
    expect([missed.codes, missed.messages]).toEqual([
      [10057],
      expect.stringMatching(/^inherit binding 'B' is invalid/),
    ])
    expect((await cf.upload('keeper', PLAIN, inherits('A'))).status).toBe(200)
  })

  test('are kept by later uploads and never told, while plain variables go unless they are sent again', async () => {
    const plain = { type: 'plain_text', name: 'V', text: '1' }
    await cf.upload('forgets', PLAIN, { bindings: [secret('A', 'geheim'), plain] })
    await cf.upload('forgets', PLAIN)
    const { result } = await cf.call('GET', 'scripts/forgets/settings')
    expect(result.bindings).toEqual([{ name: 'A', type: 'secret_text' }])
    expect(JSON.stringify(await cf.call('GET', 'scripts/forgets/versions'))).not.toContain('geheim')
  })

  test('are changed in a version of their own, which says so and not what deployed it before', async () => {
    await cf.upload('rotates', PLAIN, { annotations: { 'workers/tag': 'mine' } })
    expect((await cf.call('PUT', 'scripts/rotates/secrets', { name: 'A', text: '1' })).status).toBe(200)
    const [latest] = (await cf.call('GET', 'scripts/rotates/versions')).result.items
    expect(latest.annotations).toEqual({ 'workers/triggered_by': 'secret' })
    expect((await cf.call('DELETE', 'scripts/rotates/secrets/B')).codes).toEqual([10056])
    expect((await cf.call('DELETE', 'scripts/rotates/secrets/A')).status).toBe(200)
  })

  test('are set and deleted in bulk in one version; what is not named stays', async () => {
    await cf.upload('bulk', PLAIN, { bindings: [secret('A', '1'), secret('B', '1')] })
    const bulk = async (secrets: object) => await cf.call('PATCH', 'scripts/bulk/secrets-bulk', { secrets })
    const { result } = await bulk({ A: null, C: secret('C', '1') })
    expect(result).toEqual(['B', 'C'].map((name) => ({ name, type: 'secret_text' })))
    expect((await cf.call('GET', 'scripts/bulk/versions')).result.items).toHaveLength(2)
    expect((await cf.call('PATCH', 'scripts/bulk/secrets-bulk', { A: null })).status).toBe(400)
  })

  test('are refused with 10215 while the latest version is not deployed', async () => {
    await cf.upload('waits', PLAIN)
    await cf.call('POST', 'scripts/waits/versions', cf.formOf(PLAIN, {}))
    expect((await cf.call('PUT', 'scripts/waits/secrets', { name: 'A', text: '1' })).codes).toEqual([10215])
  })
})

describe('versions and deployments', () => {
  test('let a version wait until it is deployed, alone or beside another', async () => {
    const { result } = await cf.upload('v', PLAIN)
    const version = (await cf.call('POST', 'scripts/v/versions', cf.formOf('export default {}', {}))).result
      .id
    const deployed = async () =>
      (await cf.call('GET', 'scripts/v/deployments')).result.deployments[0].versions[0].version_id as string
    expect((await deployed()).replaceAll('-', '')).toBe(result.deployment_id)
    const deploy = async (versions: object[]) => await cf.call('POST', 'scripts/v/deployments', { versions })
    expect((await deploy([{ version_id: 'none', percentage: 100 }])).codes).toEqual([10212])
    expect((await deploy([{ version_id: version, percentage: 50 }])).codes).toEqual([10210])
    expect((await deploy([{ version_id: version, percentage: 100 }])).status).toBe(200)
    expect(await deployed()).toBe(version)
  })

  test('carry no migration in a version that waits', async () => {
    await cf.upload('m', OWNER)
    expect((await cf.call('POST', 'scripts/m/versions', cf.formOf(OWNER, MADE))).codes).toEqual([10211])
  })
})

describe('routes', () => {
  test('are refused outside of the zone, with a * inside, with a query, or for a script that is not there', async () => {
    await cf.upload('routed', PLAIN)
    const refused = async (pattern: string, script = 'routed') =>
      (await cf.call('POST', routes(), { pattern, script })).codes
    expect(await refused('api.example.org/*')).toEqual([10022])
    expect(await refused(`${HOST}/*/x`)).toEqual([10022])
    expect(await refused(`${HOST}/x?y=1`)).toEqual([10022])
    expect(await refused(`${HOST}/x`, 'nobody')).toEqual([10019])
    expect((await cf.call('POST', '/zones/none/workers/routes', {})).codes).toEqual([7003])
    expect((await cf.call('GET', routes())).result).toEqual([])
  })

  test('belong to one script: a second one is refused with 10020, the first stays', async () => {
    await cf.upload('second', PLAIN)
    const pattern = `${HOST}/one*`
    expect((await cf.call('POST', routes(), { pattern, script: 'routed' })).status).toBe(200)
    expect((await cf.call('POST', routes(), { pattern, script: 'second' })).codes).toEqual([10020])
    expect((await cf.call('PUT', 'scripts/second/routes', [{ pattern }])).codes).toEqual([10020])
    expect((await cf.call('GET', routes())).result).toMatchObject([{ pattern, script: 'routed' }])
  })

  test('are a script’s whole list when they are set at once, which a token for some zones may not do', async () => {
    const set = async (...patterns: string[]) =>
      await cf.call(
        'PUT',
        'scripts/second/routes',
        patterns.map((pattern) => ({ pattern })),
      )
    await set(`${HOST}/a*`, `${HOST}/b*`)
    await set(`${HOST}/b*`, `${HOST}/c*`)
    const all = await cf.list<{ script: string; pattern: string }>(routes())
    const own = all.filter(({ script }) => script === 'second').map(({ pattern }) => pattern)
    expect(own).toEqual([`${HOST}/b*`, `${HOST}/c*`])
    const narrow = await ownCloudflare({ allZones: false })
    await narrow.upload('w', PLAIN)
    expect((await narrow.call('PUT', 'scripts/w/routes', [])).codes).toEqual([10000])
    await narrow.stop()
  })
})

describe('a token', () => {
  test('that is not the account’s, and an account that is not the token’s, get nothing', async () => {
    const url = `${cf.api.url}/accounts/${cf.account.id}/workers/scripts`
    const codes = async (response: Response) =>
      ((await response.json()) as { errors: { code: number }[] }).errors[0]?.code
    expect(await codes(await fetch(url))).toBe(9106)
    expect(await codes(await fetch(url, { headers: { authorization: 'Bearer x' } }))).toBe(9109)
    expect((await cf.call('GET', '/accounts/other/workers/scripts')).codes).toEqual([9109])
  })
})

describe('the edge', () => {
  test('matches routes with the query, the most specific first, and serves only hosts that have a record', async () => {
    const says = (name: string) => `export default { fetch: () => new Response('${name}') }`
    const place = async (name: string, pattern: string) => {
      await cf.upload(name, says(name))
      await cf.call('POST', routes(), { pattern: HOST + pattern, script: name })
    }
    await place('transfer', '/spot/transfer*')
    await place('transfers', '/spot/transfers*')
    await place('exact', '/spot/exact')
    const text = async (path: string) => (await cf.get(path)).text
    expect(await text('/spot/transfer?x=1')).toBe('transfer')
    expect(await text('/spot/transfers?limit=5')).toBe('transfers')
    expect(await text('/spot/exact')).toBe('exact')
    expect(await cf.get('/spot/exact?limit=5')).toEqual({ status: 522, text: 'error code: 522' })
    expect((await cf.get('/nothing')).status).toBe(522)
    expect((await cf.get('/spot/exact', 'www.example.com')).status).toBe(530)
  })

  test('serves what is deployed, binds objects across scripts, and runs a cron only where there is one', async () => {
    const reader =
      'export default { fetch: (r, env) => env.COUNTER.get(env.COUNTER.idFromName("one")).fetch(r) }'
    await cf.upload('owner', OWNER, { bindings: [counter()] })
    await cf.upload('reader', reader, { bindings: [counter('owner')] })
    await cf.call('POST', routes(), { pattern: `${HOST}/count*`, script: 'reader' })
    expect((await cf.get('/count')).text).toBe('1')
    await expect(cf.runCron('owner', '* * * * *')).rejects.toThrow('no schedule')
    await cf.call('PUT', 'scripts/owner/schedules', [{ cron: '* * * * *' }])
    expect(await cf.runCron('owner', '* * * * *')).toMatchObject({ outcome: 'ok' })
    expect((await cf.get('/count')).text).toBe('3')
    await cf.call('POST', 'scripts/reader/versions', cf.formOf(PLAIN, {}))
    expect((await cf.get('/count')).text).toBe('4')
  })

  test('counts a rate-limit namespace over all scripts that bind it', async () => {
    const limited =
      'export default { fetch: async (r, env) => Response.json((await env.R.limit({ key: "k" })).success) }'
    const bindings = [{ type: 'ratelimit', name: 'R', namespace_id: '7', simple: { limit: 2, period: 60 } }]
    for (const name of ['l1', 'l2']) {
      await cf.upload(name, limited, { bindings })
      await cf.call('POST', routes(), { pattern: `${HOST}/${name}`, script: name })
    }
    const answers = []
    for (const path of ['/l1', '/l2', '/l1', '/l2']) answers.push((await cf.get(path)).text)
    expect(answers).toEqual(['true', 'true', 'false', 'false'])
  })

  test('serves a change to a client that kept its connection from before', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ask = async () =>
      await new Promise<string>((resolve, reject) => {
        const options = { agent, headers: { host: HOST } }
        const sent = request(`${cf.edgeUrl}/kept`, options, (response) => {
          let text = ''
          response.on('data', (chunk) => (text += String(chunk))).on('end', () => resolve(text))
        })
        sent.on('error', reject).end()
      })
    const says = (text: string) => `export default { fetch: () => new Response('${text}') }`
    await cf.upload('kept', says('before'))
    await cf.call('POST', routes(), { pattern: `${HOST}/kept`, script: 'kept' })
    expect(await ask()).toBe('before')
    await cf.upload('kept', says('after'))
    expect(await ask()).toBe('after')
    agent.destroy()
  })

  test('forgets a deleted script with its routes; one that others bind goes only by force', async () => {
    expect((await cf.call('DELETE', 'services/owner')).codes).toEqual([10064])
    expect((await cf.call('DELETE', 'services/owner?force=true')).status).toBe(200)
    expect((await cf.call('DELETE', 'services/transfers')).status).toBe(200)
    expect((await cf.get('/spot/transfers?limit=5')).text).toBe('transfer')
  })
})

describe('the real wrangler', () => {
  test('is refused with 10070 where a function inherits the migrations, and accepted as wrangler.toml is', async () => {
    const file = join(cf.folder, 'wrangler.toml')
    const text = await readFile(join(projectRoot, 'wrangler.toml'), 'utf8')
    const inside = text.replaceAll('main = "', `main = "${projectRoot}/`)
    await writeFile(file, inside.replaceAll('migrations = []\n', ''))
    const inherits = await cf.wrangler('deploy', '--env', 'docs', '--config', file)
    expect([inherits.code, inherits.output]).toEqual([1, expect.stringContaining('[code: 10070]')])
    const accepted = await cf.wrangler('deploy', '--env', 'docs', '--minify', '--route', `${HOST}/docs*`)
    expect([accepted.code, accepted.output]).toEqual([0, expect.stringContaining(`${HOST}/docs*`)])
    expect((await cf.get('/docs?x=1')).text).toContain('<!doctype html>')
  })

  test('is told of a missing secret, a zone that is not there, and a route that is another’s', async () => {
    const missing = await cf.wrangler('deploy', '--env', 'health')
    expect([missing.code, missing.output]).toEqual([
      1,
      expect.stringContaining('secrets have not been set: PUBLIC_DATABASE_URL'),
    ])
    const nowhere = await cf.wrangler('deploy', '--env', 'docs', '--route', 'api.example.org/docs*')
    expect([nowhere.code, nowhere.output]).toEqual([1, expect.stringContaining('Could not find zone')])
    const taken = await cf.wrangler('deploy', '--env', 'docs', '--route', `${HOST}/spot/transfer*`)
    expect([taken.code, taken.output]).toEqual([1, expect.stringContaining('"transfer" is already assigned')])
  })

  test('makes a draft when it sets secrets of a script that is not there', async () => {
    const file = join(cf.folder, 'secrets.json')
    await writeFile(file, JSON.stringify({ PUBLIC_DATABASE_URL: 'postgresql://a:b@127.0.0.1:1/c' }))
    expect((await cf.wrangler('secret', 'bulk', file, '--env', 'health')).code).toBe(0)
    const { bindings } = (await cf.call('GET', 'scripts/tidegate-health/settings')).result
    expect(bindings).toEqual([{ name: 'PUBLIC_DATABASE_URL', type: 'secret_text' }])
    expect((await cf.wrangler('deploy', '--env', 'health', '--minify')).code).toBe(0)
  })
})
