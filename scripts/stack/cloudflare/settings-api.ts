/** What belongs to a Worker beside its uploads and secrets: settings, schedules, the workers.dev address, who binds it. */
import {
  latestVersion,
  newId,
  now,
  scriptNamed,
  type Account,
  type Script,
  type ScriptSettings,
} from './account.ts'
import { jsonOf, type ApiEndpoint, type ApiRequest } from './endpoint.ts'
import { badRequest, Refusal } from './refusal.ts'
import { bindingsShown } from './uploads-api.ts'

const SCRIPT = '/accounts/:account/workers/scripts/:script'
const script = (request: ApiRequest): Script => scriptNamed(request.account, request.params.script ?? '')

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

/** The Worker as the newer API shows it: by name or id, and with nothing of its versions. */
function workerShown({ name, tag, createdOn, settings, subdomain }: Script): object {
  return { id: tag, name, created_on: createdOn, ...settings, subdomain }
}

const workersDev = ({ subdomain }: Account): { subdomain: string } => {
  if (subdomain === undefined) throw new Refusal(404, 10007, 'the account has no workers.dev subdomain')
  return { subdomain }
}

export const settingsApi: readonly ApiEndpoint[] = [
  {
    method: 'GET',
    path: '/accounts/:account/workers/workers/:script',
    handle: (request) => workerShown(script(request)),
  },
  { method: 'GET', path: `${SCRIPT}/settings`, handle: (request) => settingsShown(script(request)) },
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
