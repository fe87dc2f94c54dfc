/** How the variables are read: by a schema, once per isolate. */
import * as z from 'zod/mini'
import { OwnError } from '../../db/errors.ts'
import type { Extra } from './env-fields.ts'

export class EnvironmentError extends OwnError {}

/** A variable that only some paths need, where it is needed. @throws EnvironmentError naming it */
export function required(value: string | undefined, name: string): string {
  if (!value) throw new EnvironmentError(`missing configuration: ${name}`)
  return value
}

const parsed = new WeakMap<object, WeakMap<object, unknown>>()

/**
 * Reads the bindings by a schema, once per isolate.
 * @throws EnvironmentError naming each bad variable and what it should look like, never its value.
 */
export function parseEnv<S extends z.ZodMiniType>(schema: S, env: object): z.output<S> {
  const known = parsed.get(schema)?.get(env)
  if (known !== undefined) return known as z.output<S>
  const result = z.safeParse(schema, env)
  if (!result.success) {
    const names = [...new Set(result.error.issues.map((issue) => String(issue.path[0])))]
    const said = names.map((name) => name + formOf(schema, name))
    throw new EnvironmentError(`bad or missing configuration: ${said.join(', ')}`)
  }
  const bySchema = parsed.get(schema) ?? new WeakMap<object, unknown>()
  parsed.set(schema, bySchema.set(env, result.data))
  return result.data
}

/** Not what zod says is wrong: some of its messages repeat what they were given. */
function formOf(schema: z.ZodMiniType, name: string): string {
  const field = (schema as { shape?: Record<string, z.ZodMiniType> }).shape?.[name]
  const form = field && (z.globalRegistry.get(field) as Extra | undefined)?.form
  return form ? ` (${form})` : ''
}
