/** Every variable of the functions that is marked as a secret. */
import * as z from 'zod/mini'
import { ENV_GROUPS } from '../stack/env-groups.ts'

/** The names of the secrets in one group of variables, or in the shape of a schema. */
export const secretsIn = (shape: Record<string, z.ZodMiniType>): string[] =>
  Object.entries(shape).flatMap(([name, field]) => (z.globalRegistry.get(field)?.secret ? [name] : []))

export const EVERY_SECRET: readonly string[] = [...new Set(ENV_GROUPS.flatMap(secretsIn))].sort()
