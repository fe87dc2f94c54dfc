/** Secrets that are changed beside an upload: each change is a version of its own, which is deployed at once. */
import { randomUUID } from 'node:crypto'
import { deployedVersion, latestVersion, now, scriptNamed, type Binding, type Script } from './account.ts'
import { jsonOf, type ApiEndpoint, type ApiRequest } from './endpoint.ts'
import { badRequest, Refusal } from './refusal.ts'
import { deployAll } from './uploads-api.ts'

const SECRETS = '/accounts/:account/workers/scripts/:script/secrets'
const script = (request: ApiRequest): Script => scriptNamed(request.account, request.params.script ?? '')

/** @throws Refusal 10215 where it would deploy more than the secret */
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

/** `secret bulk`: names with a value, or with null to be deleted. */
function patchSecrets(request: ApiRequest): unknown {
  const { secrets } = jsonOf(request) as { secrets?: Record<string, { text: string } | null> }
  if (secrets === undefined) throw badRequest(10021, 'secrets is missing')
  changeSecrets(script(request), (bindings) => {
    const kept = bindings.filter(({ name, type }) => type !== 'secret_text' || secrets[name] !== null)
    return Object.entries(secrets)
      .flatMap(([name, value]) => (value === null ? [] : [{ name, text: value.text }]))
      .reduce(withSecret, kept)
  })
  return secretsShown(script(request))
}

const secretsShown = (script: Script): object[] =>
  (latestVersion(script)?.bindings ?? []).flatMap(({ name, type }) =>
    type === 'secret_text' ? [{ name, type }] : [],
  )

export const secretsApi: readonly ApiEndpoint[] = [
  { method: 'GET', path: SECRETS, handle: (request) => secretsShown(script(request)) },
  { method: 'PUT', path: SECRETS, handle: putSecret },
  { method: 'PATCH', path: `${SECRETS}-bulk`, handle: patchSecrets },
  { method: 'DELETE', path: `${SECRETS}/:secret`, handle: deleteSecret },
]
