/** Every variable that functions/_lib/env.ts marks as a secret. */
import * as z from 'zod/mini'
import * as groups from '../../functions/_lib/env.ts'

/** The names of the secrets in one group of variables, or in the shape of a schema. */
export const secretsIn = (shape: Record<string, z.ZodMiniType>): string[] =>
  Object.entries(shape).flatMap(([name, field]) => (z.globalRegistry.get(field)?.secret ? [name] : []))

const shapes = Object.values(groups).filter((group) => typeof group === 'object')

export const EVERY_SECRET: readonly string[] = [...new Set(shapes.flatMap(secretsIn))].sort()
