/** Every variable of the functions that is marked as a secret. */
import * as z from 'zod/mini'
import { SESSION_KEYS } from '../deploy/values.ts'
import { ENV_GROUPS } from '../stack/env-groups.ts'

/** The names of the secrets in one group of variables, or in the shape of a schema. */
export const secretsIn = (shape: Record<string, z.ZodMiniType>): string[] =>
  Object.entries(shape).flatMap(([name, field]) => (z.globalRegistry.get(field)?.secret ? [name] : []))

export const EVERY_SECRET: readonly string[] = [...new Set(ENV_GROUPS.flatMap(secretsIn))].sort()

/** Credentials that last have no session token, and alerts need no webhook: `secrets.required` would insist on them. */
export const MAY_BE_ABSENT: readonly string[] = ['AWS_SESSION_TOKEN', 'ALERT_WEBHOOK_URL']

/** What `secrets.required` names of the secrets that a function declares. */
export const requiredSecrets = (declared: readonly string[]): string[] =>
  declared.filter((name) => !MAY_BE_ABSENT.includes(name) && !SESSION_KEYS.includes(name))
