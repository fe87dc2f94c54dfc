import { EXPIRY_WINDOW_MS_DEFAULT, SIGNED_DEPTH_MAX } from '../limits.ts'

/** A value as `JSON.parse` gives it. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

/**
 * The text a wallet signs: keys sorted at every level, no spaces, non-ASCII characters as they are.
 * `undefined` leaves `expiry_window` out, `null` writes it as null.
 */
export function canonicalText(
  type: string,
  data: JsonObject,
  timestamp: number,
  expiryWindow: number | null | undefined,
): string {
  const window = expiryWindow === undefined ? {} : { expiry_window: expiryWindow }
  return canonicalJson({ data, ...window, timestamp, type })
}

/**
 * Every text the signer may have signed, the preferred one first. Clients differ in two ways: what they
 * write for a window they were not given, and whether they escape non-ASCII characters as Python does.
 */
export function canonicalCandidates(
  type: string,
  data: JsonObject,
  timestamp: number,
  expiryWindow: number | null | undefined,
): [string, ...string[]] {
  const windows =
    typeof expiryWindow === 'number' ? [expiryWindow] : [undefined, null, EXPIRY_WINDOW_MS_DEFAULT]
  const raw = windows.map((window) => canonicalText(type, data, timestamp, window))
  const escaped = raw.map(escapeNonAscii).filter((text, at) => text !== raw[at])
  return [...raw, ...escaped] as [string, ...string[]]
}

/**
 * Python's `json.dumps` default (`ensure_ascii`) made out of JavaScript's form. The two agree on quotes,
 * backslashes, control characters and lone surrogates, and neither escapes `/`; Python further escapes all
 * outside space to tilde, UTF-16 unit by unit in lower-case hex, and that takes in DEL.
 */
export const escapeNonAscii = (text: string): string =>
  text.replace(/[^ -~]/g, (unit) => '\\u' + unit.charCodeAt(0).toString(16).padStart(4, '0'))

/**
 * Whether the value can be written again exactly as it was signed. Numbers outside the safe integers cannot:
 * `1.0`, `1e16` and long digits do not survive `JSON.parse`.
 */
export function isCanonical(value: unknown, depth = SIGNED_DEPTH_MAX): value is Json {
  if (typeof value === 'number') return Number.isSafeInteger(value)
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return true
  if (typeof value !== 'object' || depth === 0) return false
  return Object.values(value).every((member) => isCanonical(member, depth - 1))
}

function canonicalJson(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const members = Object.keys(value).sort()
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key]!)}`).join(',')}}`
}

const isArray = (value: Json): value is readonly Json[] => Array.isArray(value)
