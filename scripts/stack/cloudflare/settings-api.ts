/** What belongs to a Worker beside its uploads: secrets, settings, schedules, the workers.dev address, who binds it. */
import {
  deployedVersion,
  latestVersion,
  newId,
  now,
  scriptNamed,
  type Account,
  type Binding,
  type Script,
  type ScriptSettings,
} from './account.ts'
import { jsonOf, type ApiEndpoint, type ApiRequest } from './endpoint.ts'
import { badRequest, Refusal } from './refusal.ts'
import { randomUUID } from 'node:crypto'
import { bindingsShown, deployAll } from './uploads-api.ts'

const SCRIPT = '/accounts/:account/workers/scripts/:script'
const script = (request: ApiRequest): Script => scriptNamed(request.account, request.params.script ?? '')

/** A changed secret is a new version that is deployed at once. @throws Refusal 10215 where that would deploy more */
function changeSecrets(script: Script, change: (bindings: Binding[]) => Binding[]): void {
  const latest = latestVersion(script)
  if (!latest || latest !== deployedVersion(script))
    throw badRequest(10215, 'the latest version of the Worker is not deployed')
  const version = {
    ...latest,
    id: randomUUID(),
    number: script.versions.length + 1,
    createdOn: now(),
    annotations: { 'workers/triggered_by': 'secret' },
    bindings: change(latest.bindings),
    source: 'secret',
  }
  script.versions.push(version)
  deployAll(script, version)
}

interface Secret {
  name: string
  text: string
}

function putSecret(request: ApiRequest): unknown {
  const { name, text } = jsonOf(request) as Secret
  changeSecrets(script(request), (bindings) => withSecret(bindings, { name, text }))
  return { name, type: 'secret_text' }
}

function withSecret(bindings: readonly Binding[], { name, text }: Secret): Binding[] {
  const taken = bindings.find((binding) => binding.name === name)
  if (taken && taken.type !== 'secret_text')
    throw badRequest(
      10053,
      `Binding name '${name}' already in use. Please use a different name and try again.`,
    )
  return [...bindings.filter((binding) => binding.name !== name), { type: 'secret_text', name, text }]
}

function deleteSecret(request: ApiRequest): unknown {
  const name = decodeURIComponent(request.params.secret ?? '')
  changeSecrets(script(request), (bindings) => {
    if (!bindings.some((one) => one.type === 'secret_text' && one.name === name))
      throw new Refusal(404, 10056, `Binding '${name}' not found.`)
    return bindings.filter((one) => one.name !== name)
  })
  return null
}

/** `secret bulk` of older wranglers: the whole list of bindings, with `inherit` for what stays. */
async function patchSettings(request: ApiRequest): Promise<unknown> {
  const { body, contentType } = request
  const form = await new Response(new Uint8Array(body), {
    headers: { 'content-type': contentType },
  }).formData()
  const part = form.get('settings')
  const text = part === null || typeof part === 'string' ? (part ?? '{}') : await part.text()
  const { bindings: sent = [] } = JSON.parse(text) as { bindings?: (Secret & { type: string })[] }
  changeSecrets(script(request), (bindings) => {
    const kept = bindings.filter(({ name }) =>
      sent.some((one) => one.name === name && one.type !== 'secret_text'),
    )
    return sent.filter(({ type }) => type === 'secret_text').reduce(withSecret, kept)
  })
  return settingsShown(script(request))
}

/** `secret bulk` of newer wranglers: names with a value, or with null to be deleted. */
function patchSecrets(request: ApiRequest): unknown {
  const sent = jsonOf(request) as Record<string, { text?: string } | null>
  changeSecrets(script(request), (bindings) => {
    const kept = bindings.filter(({ name }) => !(name in sent))
    const set = Object.entries(sent).flatMap(([name, value]) =>
      value?.text === undefined ? [] : [{ name, text: value.text }],
    )
    return set.reduce(withSecret, kept)
  })
  return secretsShown(script(request))
}

const secretsShown = (script: Script): object[] =>
  (latestVersion(script)?.bindings ?? []).flatMap(({ name, type }) =>
    type === 'secret_text' ? [{ name, type }] : [],
  )

function settingsShown(script: Script): object {
  const version = latestVersion(script)
  return {
    ...script.settings,
    bindings: version ? bindingsShown(version) : [],
    placement: version?.placement ?? {},
    compatibility_date: version?.compatibilityDate,
    compatibility_flags: version?.compatibilityFlags,
  }
}

function putSchedules(request: ApiRequest): unknown {
  const own = script(request)
  const sent = jsonOf(request) as { cron: string }[]
  const bad = sent.find(({ cron }) => cron.trim().split(/\s+/).length !== 5)
  if (bad) throw badRequest(10100, `invalid cron string: ${bad.cron}`)
  own.schedules = sent.map(({ cron }) => ({ cron, created_on: now(), modified_on: now() }))
  return { schedules: own.schedules }
}

const workersDev = ({ subdomain }: Account): { subdomain: string } => {
  if (subdomain === undefined) throw new Refusal(404, 10007, 'the account has no workers.dev subdomain')
  return { subdomain }
}

export const settingsApi: readonly ApiEndpoint[] = [
  { method: 'GET', path: `${SCRIPT}/secrets`, handle: (request) => secretsShown(script(request)) },
  { method: 'PUT', path: `${SCRIPT}/secrets`, handle: putSecret },
  { method: 'PATCH', path: `${SCRIPT}/secrets-bulk`, handle: patchSecrets },
  { method: 'DELETE', path: `${SCRIPT}/secrets/:secret`, handle: deleteSecret },
  { method: 'GET', path: `${SCRIPT}/settings`, handle: (request) => settingsShown(script(request)) },
  { method: 'PATCH', path: `${SCRIPT}/settings`, handle: patchSettings },
  { method: 'GET', path: `${SCRIPT}/script-settings`, handle: (request) => script(request).settings },
  {
    method: 'PATCH',
    path: `${SCRIPT}/script-settings`,
    handle: (request) => {
      const own = script(request)
      own.settings = { ...own.settings, ...(jsonOf(request) as Partial<ScriptSettings>) }
      return own.settings
    },
  },
  {
    method: 'GET',
    path: `${SCRIPT}/schedules`,
    handle: (request) => ({ schedules: script(request).schedules }),
  },
  { method: 'PUT', path: `${SCRIPT}/schedules`, handle: putSchedules },
  { method: 'GET', path: `${SCRIPT}/subdomain`, handle: (request) => script(request).subdomain },
  {
    method: 'POST',
    path: `${SCRIPT}/subdomain`,
    handle: (request) => {
      const own = script(request)
      const { enabled, previews_enabled } = jsonOf(request) as Partial<Script['subdomain']>
      if (enabled) workersDev(request.account)
      own.subdomain = {
        enabled: enabled ?? false,
        previews_enabled: previews_enabled ?? own.subdomain.previews_enabled,
      }
      return own.subdomain
    },
  },
  {
    method: 'GET',
    path: '/accounts/:account/workers/subdomain',
    handle: ({ account }) => workersDev(account),
  },
  {
    method: 'GET',
    path: '/accounts/:account/workers/durable_objects/namespaces',
    handle: ({ account }) =>
      [...account.scripts.values()].flatMap(({ name, classes }) =>
        [...classes].map(([className, { namespaceId, sqlite }]) => ({
          id: namespaceId,
          class: className,
          script: name,
          name: `${name}_${className}`,
          use_sqlite: sqlite,
        })),
      ),
  },
  {
    method: 'GET',
    path: `${SCRIPT}/references`,
    handle: (request) => ({ durable_objects: bindersOf(request.account, script(request)) }),
  },
  { method: 'GET', path: '/accounts/:account/workers/tails/by-consumer/:script', handle: () => [] },
  // Deleting a Worker looks for the files of a Workers Site, which is a thing of the past.
  { method: 'GET', path: '/accounts/:account/storage/kv/namespaces', handle: () => [] },
  { method: 'GET', path: '/user/tokens/verify', handle: () => ({ id: newId(), status: 'active' }) },
  {
    method: 'GET',
    path: '/accounts',
    handle: ({ account }) => [{ id: account.id, name: 'stand-in', type: 'standard' }],
  },
]

const bindersOf = (account: Account, owner: Script): object[] =>
  [...account.scripts.values()].flatMap((other) =>
    (latestVersion(other)?.bindings ?? []).flatMap((binding) =>
      binding.type === 'durable_object_namespace' && (binding.script_name ?? other.name) === owner.name
        ? [{ service: other.name, durable_object_namespace_name: binding.class_name }]
        : [],
    ),
  )
