/** The building blocks of the variables' schemas: each reads one variable and carries its text for the configuration table. */
import * as z from 'zod/mini'
import { loginOf, type Job } from '../../db/logins.ts'
import { connectionString, type Form, formed, isHttpUrl, keyText, orUnset } from './env-forms.ts'

export interface Extra {
  secret?: true
  example?: string
  /** What a right value looks like, for the error that refuses another. */
  form?: string
}
export const described = <S extends z.ZodMiniType>(schema: S, description: string, extra: Extra = {}): S => {
  z.globalRegistry.add(schema, { description, ...extra })
  return schema
}
export const optionalText = (description: string, extra: Extra = {}) =>
  described(z.optional(z.string()), description, extra)
export const withDefault = (fallback: string, description: string, extra: Extra = {}) =>
  described(z._default(z.string(), fallback), description, extra)

/** Whole number text within bounds, as a number. */
export const wholeNumber = (fallback: number, min: number, max: number, description: string) =>
  described(
    z.pipe(
      z._default(z.string().check(z.regex(/^[0-9]{1,15}$/)), String(fallback)),
      z.pipe(z.transform(Number), z.number().check(z.minimum(min), z.maximum(max))),
    ),
    description,
  )
/** `true` and nothing else is true: a typo must close a door, not open it. */
export const onlyTrue = (description: string) =>
  described(
    z.pipe(
      z.optional(z.string()),
      z.transform((value) => value === 'true'),
    ),
    description,
  )
export const evmAddress = (description: string) =>
  described(
    z.pipe(
      z.string().check(z.regex(/^0x[0-9a-fA-F]{40}$/)),
      z.transform((value) => value.toLowerCase() as `0x${string}`),
    ),
    description,
  )

const KEY_FORM = '32 to 512 characters of hex, base64 or base64url, as from `openssl rand -base64 48`'
export const URL_FORM = 'an https: URL without user and password'

const loginText = (job: Job) => `Connection string of the login \`${loginOf(job)}\` (Neon: the pooled one)`
const loginForm = (job: Job) =>
  `a postgresql: URL with the user ${loginOf(job)}, password, host and database; an at sign of the password as %40`
export const database = (job: Job) =>
  described(connectionString(loginOf(job)), loginText(job), { secret: true, form: loginForm(job) })
export const optionalDatabase = (job: Job) =>
  described(orUnset(connectionString(loginOf(job))), loginText(job), { secret: true, form: loginForm(job) })
export const formedText = (form: Form, description: string, extra: Extra) =>
  described(formed(form), description, extra)
export const optionalFormed = (form: Form, description: string, extra: Extra) =>
  described(orUnset(formed(form)), description, extra)
/** Addresses of nodes, each once: where two are to agree, no node may agree with itself. */
export const nodeList = (description: string) =>
  described(
    z.pipe(
      z.pipe(
        z.string(),
        z.transform((text) => [...new Set(text.split(/[\s,]/).filter(Boolean))]),
      ),
      z.array(formed(isHttpUrl)).check(z.minLength(1)),
    ),
    description,
    { secret: true, form: URL_FORM },
  )
export const optionalKey = (description: string) =>
  described(orUnset(keyText()), description, { secret: true, form: KEY_FORM })

export const finality = (description: string) =>
  described(
    z.pipe(
      z._default(z.string().check(z.regex(/^(finalized|0|[1-9][0-9]{0,4})$/)), 'finalized'),
      z.transform((value) => (value === 'finalized' ? value : Number(value))),
    ),
    description,
  )

/** Variables that are read together: a bundle that reads none of them does not name them. */
export const group = <V>(make: () => V): V => make()
