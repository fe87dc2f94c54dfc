/** workerd's configuration for what an account has deployed: all Workers in one process, as services that reach each other. */
import {
  deployedVersion,
  type Account,
  type Binding,
  type Module,
  type Script,
  type Version,
} from './account.ts'

export interface OwnWorkers {
  edge: string
  rateLimit: string
}

export interface EdgeConfig {
  /** The configuration, in Cap'n Proto's text. */
  text: string
  /** Files beside it that it embeds. */
  files: { name: string; content: Buffer | string }[]
}

const limiterOf = (namespace: string): string => `rate-limit-${namespace}`
const quoted = (text: string): string => JSON.stringify(text)
const list = (items: readonly string[]): string => `[${items.join(', ')}]`
/** Of the stand-in's own Workers. */
const OWN_DATE = '2026-01-01'

/** `objects` is the folder of Durable Objects. */
export function edgeConfig(account: Account, own: OwnWorkers, objects: string): EdgeConfig {
  const served = [...account.scripts.values()].flatMap((script) => {
    const version = deployedVersion(script)
    return version ? [{ script, version }] : []
  })
  const namespaces = new Set(
    served.flatMap(({ version }) =>
      version.bindings.flatMap((one) => (one.type === 'ratelimit' ? [one.namespace_id] : [])),
    ),
  )
  const workers = [
    {
      name: 'edge',
      text: edgeText(
        account,
        served.map(({ script }) => script.name),
      ),
    },
    ...[...namespaces].map((namespace) => ({ name: limiterOf(namespace), text: ownText('rate-limit.js') })),
    ...served.map(({ script, version }) => ({
      name: script.name,
      text: workerText(script, version, account),
    })),
  ]
  const services = [
    ...workers.map(({ name, text }) => `(name = ${quoted(name)}, worker = ${text})`),
    '(name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true)))',
    `(name = "objects", disk = (path = ${quoted(objects)}, writable = true))`,
  ]
  const sockets = [
    '(name = "edge", address = "127.0.0.1:0", http = (), service = "edge")',
    '(name = "control", address = "127.0.0.1:0", http = (), service = (name = "edge", entrypoint = "Control"))',
  ]
  return {
    text: `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ${services.join(',\n    ')}
  ],
  sockets = ${list(sockets)},
);
`,
    files: [
      { name: 'edge.js', content: own.edge },
      { name: 'rate-limit.js', content: own.rateLimit },
      ...served.flatMap(({ script, version }) =>
        version.modules.map((module) => ({ name: fileOf(script, module), content: module.content })),
      ),
    ],
  }
}

const fileOf = (script: Script, module: Module): string =>
  `${script.name}.${module.name.replace(/[^\w.-]/g, '_')}`

const ownText = (file: string, rest = ''): string =>
  `(modules = [(name = "worker", esModule = embed ${quoted(file)})], compatibilityDate = "${OWN_DATE}"${rest})`

function edgeText({ zones }: Account, scripts: readonly string[]): string {
  const routes = zones.flatMap((zone) => zone.routes.map(({ pattern, script }) => ({ pattern, script })))
  const bindings = [
    `(name = "ROUTES", json = ${quoted(JSON.stringify(routes))})`,
    `(name = "HOSTS", json = ${quoted(JSON.stringify(zones.flatMap(({ hosts }) => hosts)))})`,
    ...scripts.map((name) => `(name = ${quoted(name)}, service = ${quoted(name)})`),
  ]
  const flags = 'compatibilityFlags = ["service_binding_extra_handlers"]'
  return ownText('edge.js', `, ${flags}, bindings = ${list(bindings)}`)
}

function workerText(script: Script, version: Version, account: Account): string {
  const classes = [...script.classes].map(
    ([className, { namespaceId, sqlite }]) =>
      `(className = ${quoted(className)}, uniqueKey = ${quoted(namespaceId)}, enableSql = ${sqlite})`,
  )
  return `(
      modules = ${list(modulesOf(script, version))},
      compatibilityDate = ${quoted(version.compatibilityDate)},
      compatibilityFlags = ${list(version.compatibilityFlags.map(quoted))},
      globalOutbound = "internet",
      bindings = ${list(version.bindings.flatMap((binding) => bindingText(binding, account)))},
      durableObjectNamespaces = ${list(classes)},
      durableObjectStorage = (localDisk = "objects"))`
}

/** The main module comes first. */
function modulesOf(script: Script, version: Version): string[] {
  const code = version.modules.filter(({ type }) => !type.includes('source-map'))
  return code
    .toSorted((a, b) => Number(b.name === version.mainModule) - Number(a.name === version.mainModule))
    .map((module) => {
      const kind = module.type.includes('module')
        ? 'esModule'
        : module.type === 'text/plain'
          ? 'text'
          : 'data'
      return `(name = ${quoted(module.name)}, ${kind} = embed ${quoted(fileOf(script, module))})`
    })
}

function bindingText(binding: Binding, account: Account): string[] {
  const named = (what: string) => [`(name = ${quoted(binding.name)}, ${what})`]
  switch (binding.type) {
    case 'plain_text':
    case 'secret_text':
      return named(`text = ${quoted(binding.text)}`)
    case 'json':
      return named(`json = ${quoted(JSON.stringify(binding.json))}`)
    case 'service':
      return account.scripts.has(binding.service) ? named(`service = ${quoted(binding.service)}`) : []
    case 'ratelimit': {
      const props = quoted(JSON.stringify(binding.simple))
      return named(`service = (name = ${quoted(limiterOf(binding.namespace_id))}, props = (json = ${props}))`)
    }
    case 'durable_object_namespace': {
      const { class_name: className, script_name: owner } = binding
      // The Worker that had the class may be deleted since: the binding is then broken.
      if (owner !== undefined && !account.scripts.get(owner)?.classes.has(className)) return []
      const service = owner === undefined ? '' : `, serviceName = ${quoted(owner)}`
      return named(`durableObjectNamespace = (className = ${quoted(className)}${service})`)
    }
  }
}
