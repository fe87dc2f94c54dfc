/**
 * What each secret looks like. A value of another form stops the function that needs it and is reported by the variable's
 * name, before a library sees it: libraries repeat in their errors what they could not read, and errors end in a log.
 */
import * as z from 'zod/mini'
import { PRIVATE_JWK_LENGTH_MAX } from './limits.ts'

/** Characters of hex, base64 and base64url, at most some 400 bytes of randomness. */
const KEY = /^[A-Za-z0-9+/=_.~-]{32,512}$/
const BASE64URL_OF_32_BYTES = /^[A-Za-z0-9_-]{43}$/
const CONNECTION =
  /^postgres(?:ql)?:\/\/([^\s:@/?#]{1,128}):([^\s@]{1,512})@([A-Za-z0-9.-]{1,255}(?::[0-9]{1,5})?\/[^\s/?#@]{1,128}(?:\?[^\s#@]{0,1024})?)$/

export type Form = RegExp | ((text: string) => boolean)

/** Text of a form, whose error says nothing of the text. */
/* @__NO_SIDE_EFFECTS__ */
export const formed = (form: Form) =>
  z.string().check(z.refine(form instanceof RegExp ? (text: string) => form.test(text) : form))

/** The same, where it may be left out or empty. */
/* @__NO_SIDE_EFFECTS__ */
export const orUnset = <S extends z.ZodMiniType<unknown, string>>(schema: S) =>
  z.pipe(
    z.pipe(
      z.optional(z.string()),
      z.transform((text) => text || undefined),
    ),
    z.optional(schema),
  )

/* @__NO_SIDE_EFFECTS__ */
export const keyText = () => formed(KEY)

/**
 * A connection string as the driver needs it. `openssl rand -base64` makes passwords with `/` in them, where a URL's host
 * would end: as long as there is one `@`, it is plain what is meant, and they are escaped here. It must name this login:
 * with another's, the function could do what that one may, or fails at a statement and not at its start.
 */
/* @__NO_SIDE_EFFECTS__ */
export const connectionString = (user: string) =>
  z.pipe(
    formed((text) => CONNECTION.exec(text)?.[1] === user && parsedUrl(escaped(text)) !== undefined),
    z.transform(escaped),
  )

function escaped(text: string): string {
  const [, user = '', password = '', rest = ''] = CONNECTION.exec(text) ?? []
  const safe = password.replace(/%(?![0-9A-Fa-f]{2})/g, '%25').replace(/[/?#\\]/g, encodeURIComponent)
  return `postgresql://${user}:${safe}@${rest}`
}

/** An address that `fetch` takes: without a name and a password, which belong into a header. */
export function isHttpUrl(text: string): boolean {
  const url = /^https?:\/\/\S{1,2048}$/.test(text) ? parsedUrl(text) : undefined
  return url !== undefined && url.username + url.password + url.hash === ''
}

function parsedUrl(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

/** The same, unreadable on the way: plain http only on this machine. */
export const isSecretUrl = (text: string): boolean =>
  isHttpUrl(text) && /^(https:|http:\/\/(127\.0\.0\.1|localhost)[:/])/.test(text)

/** An Ed25519 private key as a JWK. */
export function isPrivateJwk(text: string): boolean {
  if (text.length > PRIVATE_JWK_LENGTH_MAX) return false
  try {
    const { kty, crv, d, x } = JSON.parse(text) as Record<string, unknown>
    const isKey = (value: unknown) => typeof value === 'string' && BASE64URL_OF_32_BYTES.test(value)
    return kty === 'OKP' && crv === 'Ed25519' && isKey(d) && isKey(x)
  } catch {
    return false
  }
}
