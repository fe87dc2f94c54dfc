/** Uploads: a Worker as a whole (PUT), which is deployed at once, or as a version that waits for its deployment. */
import { createHash, randomUUID } from 'node:crypto'
import {
  deployVersion,
  latestVersion,
  newScript,
  now,
  scriptNamed,
  type Script,
  type Version,
} from './account.ts'
import { bindingsOf } from './bindings.ts'
import { classesAfterUpload } from './classes.ts'
import { jsonOf, type ApiEndpoint, type ApiRequest } from './endpoint.ts'
import { badRequest, notFound } from './refusal.ts'
import { readUpload, type Upload } from './upload.ts'

const SCRIPTS = '/accounts/:account/workers/scripts'

const source = (request: ApiRequest): string =>
  request.query.get('excludeScript') === null && request.query.get('bindings_inherit') === null
    ? 'api'
    : 'wrangler'

/** Checks everything before anything is kept. @throws Refusal */
async function upload(request: ApiRequest, script: Script): Promise<{ version: Version; upload: Upload }> {
  const { account, body, contentType } = request
  const uploaded = await readUpload(body, contentType)
  const { metadata } = uploaded
  const classes = classesAfterUpload(script, uploaded)
  const bindings = bindingsOf(account, script, metadata, classes)
  script.classes = classes
  if (metadata.migrations) script.migrationTag = metadata.migrations.new_tag
  const annotations = Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  )
  const version: Version = {
    id: randomUUID(),
    number: script.versions.length + 1,
    createdOn: now(),
    annotations: { 'workers/triggered_by': 'upload', ...annotations },
    mainModule: metadata.main_module,
    modules: uploaded.modules,
    exports: uploaded.exports,
    bindings,
    compatibilityDate: metadata.compatibility_date ?? '2021-11-02',
    compatibilityFlags: metadata.compatibility_flags ?? [],
    placement: metadata.placement,
    source: source(request),
  }
  script.versions.push(version)
  account.scripts.set(script.name, script)
  return { version, upload: uploaded }
}

export const deployAll = (script: Script, version: Version): void =>
  void deployVersion(script, [{ version_id: version.id, percentage: 100 }], version.annotations)

async function putScript(request: ApiRequest): Promise<unknown> {
  const name = request.params.script ?? ''
  if (!/^[a-z0-9_][a-z0-9-_]{0,62}$/.test(name)) throw badRequest(10016, `invalid Worker name: ${name}`)
  const script = request.account.scripts.get(name) ?? newScript(name)
  const { version, upload: uploaded } = await upload(request, script)
  deployAll(script, version)
  const { observability, logpush, tail_consumers } = uploaded.metadata
  script.settings = {
    ...script.settings,
    observability: observability ?? { enabled: false },
    logpush: logpush ?? false,
    tail_consumers: tail_consumers ?? null,
  }
  return { ...scriptShown(script), deployment_id: version.id.replaceAll('-', ''), startup_time_ms: 9 }
}

async function postVersion(request: ApiRequest): Promise<unknown> {
  const script = scriptNamed(request.account, request.params.script ?? '')
  const { migrations } = JSON.parse(await metadataText(request)) as { migrations?: unknown }
  if (migrations)
    throw badRequest(10211, 'a version upload cannot carry migrations: deploy the Worker instead')
  const { version } = await upload(request, script)
  return { ...versionShown(version), startup_time_ms: 9 }
}

async function metadataText(request: ApiRequest): Promise<string> {
  const { body, contentType } = request
  const headers = { 'content-type': contentType }
  const form = await new Response(new Uint8Array(body), { headers }).formData()
  const part = form.get('metadata')
  return part === null || typeof part === 'string' ? (part ?? '{}') : await part.text()
}

export function etagOf(version: Version): string {
  const hash = createHash('sha256')
  for (const { name, content } of version.modules) hash.update(name).update(content)
  return hash.digest('hex')
}

export function scriptShown(script: Script): object {
  const version = latestVersion(script)
  return {
    id: script.name,
    tag: script.tag,
    tags: script.settings.tags,
    created_on: script.createdOn,
    modified_on: version?.createdOn ?? script.createdOn,
    etag: version && etagOf(version),
    handlers: ['fetch'],
    compatibility_date: version?.compatibilityDate,
    migration_tag: script.migrationTag,
    last_deployed_from: version?.source,
    ...(version?.placement?.mode && { placement_mode: version.placement.mode }),
  }
}

/** Secrets are shown by their names alone. */
export const bindingsShown = (version: Version): object[] =>
  version.bindings.map((binding) =>
    binding.type === 'secret_text' ? { name: binding.name, type: binding.type } : binding,
  )

function versionShown(version: Version): object {
  return {
    id: version.id,
    number: version.number,
    metadata: { created_on: version.createdOn, source: version.source, author_email: '', author_id: '' },
    annotations: version.annotations,
    resources: {
      script: { etag: etagOf(version), handlers: ['fetch'], last_deployed_from: version.source },
      script_runtime: {
        compatibility_date: version.compatibilityDate,
        compatibility_flags: version.compatibilityFlags,
        usage_model: 'standard',
      },
      bindings: bindingsShown(version),
    },
  }
}

function postDeployment(request: ApiRequest): unknown {
  const script = scriptNamed(request.account, request.params.script ?? '')
  const { versions = [], annotations = {} } = jsonOf(request) as Partial<Script['deployments'][number]>
  const total = versions.reduce((sum, { percentage }) => sum + percentage, 0)
  if (versions.length < 1 || versions.length > 2 || total !== 100)
    throw badRequest(10210, 'a deployment has one or two versions that add up to 100 %')
  for (const { version_id } of versions) {
    if (!script.versions.some(({ id }) => id === version_id))
      throw badRequest(10212, `version ${version_id} does not exist`)
  }
  return deployVersion(script, versions, annotations)
}

const script = (request: ApiRequest): Script => scriptNamed(request.account, request.params.script ?? '')

export const uploadsApi: readonly ApiEndpoint[] = [
  { method: 'GET', path: SCRIPTS, handle: ({ account }) => [...account.scripts.values()].map(scriptShown) },
  { method: 'PUT', path: `${SCRIPTS}/:script`, handle: putScript },
  { method: 'POST', path: `${SCRIPTS}/:script/versions`, handle: postVersion },
  {
    method: 'GET',
    path: `${SCRIPTS}/:script/versions`,
    handle: (request) => ({ items: script(request).versions.toReversed().slice(0, 10).map(versionShown) }),
  },
  {
    method: 'GET',
    path: `${SCRIPTS}/:script/versions/:version`,
    handle: (request) => {
      const version = script(request).versions.find(({ id }) => id === request.params.version)
      if (!version) throw notFound('This version')
      return versionShown(version)
    },
  },
  {
    method: 'GET',
    path: `${SCRIPTS}/:script/deployments`,
    handle: (request) => ({
      deployments: script(request)
        .deployments.slice(0, 10)
        .map(({ createdOn, ...rest }) => ({ ...rest, created_on: createdOn, strategy: 'percentage' })),
    }),
  },
  { method: 'POST', path: `${SCRIPTS}/:script/deployments`, handle: postDeployment },
]
