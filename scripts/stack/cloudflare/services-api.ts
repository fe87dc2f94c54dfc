/** A Worker as a whole: what wrangler looks at before it deploys, and its end. */
import { latestVersion, scriptNamed, type Script } from './account.ts'
import type { ApiEndpoint, ApiRequest } from './endpoint.ts'
import { badRequest } from './refusal.ts'
import { scriptShown } from './uploads-api.ts'

const SERVICE = '/accounts/:account/workers/services/:script'
const script = (request: ApiRequest): Script => scriptNamed(request.account, request.params.script ?? '')

const serviceShown = (script: Script): object => ({
  id: script.name,
  default_environment: { environment: 'production', script: scriptShown(script) },
})

/** A Worker that others bind goes only by force. With it go its routes, its schedules and what its objects stored. */
function deleteScript(request: ApiRequest): unknown {
  const { account, query } = request
  const { name } = script(request)
  const users = [...account.scripts.values()].filter(
    (other) =>
      other.name !== name &&
      latestVersion(other)?.bindings.some(
        (binding) =>
          (binding.type === 'service' && binding.service === name) ||
          (binding.type === 'durable_object_namespace' && binding.script_name === name),
      ),
  )
  if (users.length > 0 && query.get('force') !== 'true')
    throw badRequest(10064, `${name} is bound by ${users.map((user) => user.name).join(', ')}`)
  account.scripts.delete(name)
  for (const zone of account.zones) zone.routes = zone.routes.filter((route) => route.script !== name)
  return null
}

export const servicesApi: readonly ApiEndpoint[] = [
  { method: 'GET', path: SERVICE, handle: (request) => serviceShown(script(request)) },
  { method: 'DELETE', path: SERVICE, handle: deleteScript },
  { method: 'DELETE', path: SERVICE.replace('/services/', '/scripts/'), handle: deleteScript },
]
