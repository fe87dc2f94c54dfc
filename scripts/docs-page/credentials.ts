/** The credentials of whoever uses the page: they stay in its fields and go into headers, nowhere else. */
import type { Operation } from './document.ts'
import { el } from './element.ts'

const fields: Record<string, HTMLInputElement> = {}

/** What stands in a field now; empty when nothing does. */
export const credential = (id: 'bearer' | 'api-key' | 'admin-key'): string => fields[id]?.value.trim() ?? ''

function credentialField(id: string, label: string, hint: string): HTMLElement {
  const attributes = { id, type: 'password', autocomplete: 'off', spellcheck: 'false' }
  const input = el('input', attributes) as HTMLInputElement
  fields[id] = input
  return el('label', { for: id }, label, el('small', {}, hint), input)
}

export function authorizeCard(): HTMLElement {
  const boxes = el(
    'div',
    { class: 'auth' },
    credentialField('bearer', 'Bearer token', 'of POST /auth/login: everything of its account'),
    credentialField('api-key', 'User API key', 'used where no bearer token is given'),
    credentialField('admin-key', 'Admin key', 'for /admin/* alone'),
  )
  const note = el('p', { class: 'hint' }, 'Kept in this page’s memory only, and gone when it closes.')
  return el('section', { class: 'card' }, el('h2', {}, 'Authorize'), note, boxes)
}

/** The header for an operation, from the fields that it accepts. */
export function authHeaders(operation: Operation): Record<string, string> {
  const accepts = (scheme: string) => operation.security.some((item) => scheme in item)
  if (accepts('adminKey')) return credential('admin-key') ? { 'X-API-Key': credential('admin-key') } : {}
  if (accepts('session') && credential('bearer')) return { Authorization: `Bearer ${credential('bearer')}` }
  if (accepts('session') && credential('api-key')) return { 'X-API-Key': credential('api-key') }
  return {}
}
