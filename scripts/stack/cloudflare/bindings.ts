/** Bindings of an upload: what they inherit, and what is refused because nothing stands behind it. */
import type { Account, Binding, Script } from './account.ts'
import { latestVersion } from './account.ts'
import type { Classes } from './classes.ts'
import { badRequest } from './refusal.ts'
import type { Metadata, SentBinding } from './upload.ts'

const INVALID = 10021
/** 5 kB a variable or secret. */
const TEXT_BYTES_MAX = 5 * 1024
const TEXTS_MAX = 128
const PERIODS_SECONDS = [10, 60]
/** Kept without being asked for, as they always were. */
const ALWAYS_KEPT = ['secret_text', 'secret_key']

/** The bindings of the new version. @throws Refusal 10057, 10061, 10144, 10021 or 10054 */
export function bindingsOf(
  account: Account,
  script: Script,
  metadata: Metadata,
  classes: Classes,
): Binding[] {
  const before = latestVersion(script)?.bindings ?? []
  const sent = inherit(metadata.bindings, before)
  const kept = [...ALWAYS_KEPT, ...(metadata.keep_bindings ?? [])]
  const bindings = [
    ...sent,
    ...before.filter(({ name, type }) => kept.includes(type) && !sent.some((one) => one.name === name)),
  ]
  const names = bindings.map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) throw badRequest(INVALID, `duplicate binding name '${twice}'`)
  if (bindings.filter(({ type }) => type.endsWith('_text')).length > TEXTS_MAX)
    throw badRequest(10021, `a Worker has at most ${TEXTS_MAX} variables and secrets`)
  for (const binding of bindings) refuseUnfounded(account, script, binding, classes)
  return bindings
}

function inherit(sent: readonly SentBinding[], before: readonly Binding[]): Binding[] {
  const missing: string[] = []
  const bindings = sent.flatMap((binding) => {
    if (binding.type !== 'inherit') return [binding]
    const old = before.find(({ name }) => name === (binding.old_name ?? binding.name))
    if (old) return [{ ...old, name: binding.name }]
    missing.push(
      `inherit binding '${binding.name}' is invalid: it does not exist in the previous version of the Worker`,
    )
    return []
  })
  if (missing.length > 0) throw badRequest(10057, ...missing)
  return bindings
}

function refuseUnfounded(account: Account, script: Script, binding: Binding, classes: Classes): void {
  switch (binding.type) {
    case 'durable_object_namespace': {
      const { class_name: name, script_name: owner } = binding
      if (owner === undefined || owner === script.name) {
        if (classes.has(name)) return
        throw badRequest(
          10061,
          `Cannot create binding for class '${name}' because it is not currently configured to implement Durable Objects. Ensure a --new-class migration has been applied to it.`,
        )
      }
      const other = account.scripts.get(owner)
      if (!other)
        throw badRequest(
          10061,
          `Cannot create binding for class '${name}' in script '${owner}' that does not exist.`,
        )
      if (other.classes.has(name)) return
      throw badRequest(10061, `Cannot create binding for class '${name}' that script '${owner}' has not.`)
    }
    case 'service': {
      if (binding.service === script.name || account.scripts.has(binding.service)) return
      throw badRequest(
        10144,
        `Could not resolve service binding '${binding.name}'. Target script '${binding.service}' not found. Please verify the target script and try again.`,
      )
    }
    case 'ratelimit': {
      const { limit, period } = binding.simple
      const isWhole = Number.isSafeInteger(limit) && limit > 0 && /^[1-9][0-9]*$/.test(binding.namespace_id)
      if (isWhole && PERIODS_SECONDS.includes(period)) return
      throw badRequest(
        INVALID,
        `rate limit ${binding.name}: the namespace and the limit are positive whole numbers, the period is 10 or 60`,
      )
    }
    case 'plain_text':
    case 'secret_text':
      if (Buffer.byteLength(binding.text) <= TEXT_BYTES_MAX) return
      throw badRequest(10054, `${binding.type} binding '${binding.name}' is over the limit of 5 kB`)
    case 'json':
      return
    default:
      throw badRequest(
        INVALID,
        `binding '${(binding as Binding).name}' is of the unknown type ${(binding as Binding).type}`,
      )
  }
}
