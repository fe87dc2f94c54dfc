/** What Cloudflare would refuse of a Worker's resolved configuration, or take and not do as was meant. */
import type { Migration, ResolvedConfig } from '../stack/wrangler-config.ts'

export interface UploadFacts {
  /** How the faults call it. */
  name: string
  config: ResolvedConfig
  /** What the bundle exports. */
  exports: readonly string[]
  /** Does its default export have `scheduled`? */
  scheduled: boolean
}

/** The classes that are there after all of a Worker's migrations. */
export function classesAfter(migrations: readonly Migration[]): Set<string> {
  const classes = new Set<string>()
  for (const step of migrations) {
    for (const name of [...(step.new_classes ?? []), ...(step.new_sqlite_classes ?? [])]) classes.add(name)
    for (const { to } of step.transferred_classes ?? []) classes.add(to)
    for (const { from, to } of step.renamed_classes ?? []) {
      classes.delete(from)
      classes.add(to)
    }
    for (const name of step.deleted_classes ?? []) classes.delete(name)
  }
  return classes
}

/** One line for each fault of one Worker among all that are deployed. */
export function uploadFaults(facts: UploadFacts, all: readonly ResolvedConfig[]): string[] {
  const { name, config, scheduled } = facts
  const crons = config.triggers?.crons ?? []
  return [
    ...classFaults(facts),
    ...bindingFaults(config, all),
    ...(config.observability?.enabled === true ? [] : ['observability is off: nothing would keep its logs']),
    ...(crons.length > 0 && !scheduled ? [`has the cron ${crons.join(', ')} and no scheduled handler`] : []),
  ].map((fault) => `${name}: ${fault}`)
}

function classFaults({ config, exports }: UploadFacts): string[] {
  return [...classesAfter(config.migrations)]
    .filter((made) => !exports.includes(made))
    .map(
      (made) =>
        `its migrations make the class ${made}, which it does not export (Cloudflare's code 10070): ` +
        '`migrations = []` stops the inheritance',
    )
}

function bindingFaults(config: ResolvedConfig, all: readonly ResolvedConfig[]): string[] {
  return config.durable_objects.bindings.flatMap(({ name, class_name, script_name }) => {
    const owner = script_name === undefined ? config : all.find((one) => one.name === script_name)
    if (owner && classesAfter(owner.migrations).has(class_name)) return []
    const where = script_name === undefined ? 'its migrations do' : `the Worker ${script_name} does`
    return [`${name} is bound to the class ${class_name}, which ${where} not make (Cloudflare's code 10061)`]
  })
}

/** What only shows beside the others: names and rate limits that two Workers share. */
export function sharedFaults(all: readonly ResolvedConfig[]): string[] {
  const names = all.map(({ name }) => name)
  const twice = [...new Set(names.filter((name, at) => names.indexOf(name) !== at))]
  const figures = new Map<string, string>()
  const limits = all.flatMap(({ name, ratelimits }) =>
    ratelimits.map((limit) => ({ worker: name, ...limit })),
  )
  const torn = limits.flatMap(({ worker, name, namespace_id, simple }) => {
    const own = `${name} ${simple.limit} in ${simple.period} s`
    const first = figures.get(namespace_id) ?? own
    figures.set(namespace_id, first)
    return first === own ? [] : [`${worker}: namespace ${namespace_id} is ${own} here and ${first} elsewhere`]
  })
  return [...twice.map((name) => `${name}: two Workers have this name`), ...torn]
}
