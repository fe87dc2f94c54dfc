/** The credentials of whoever uses the page: they stay in its fields and go into headers, nowhere else. */
import type { Operation } from './document.ts'

type Id = 'bearer' | 'api-key' | 'admin-key'

/** What stands in a field now; empty when nothing does. */
export const credential = (id: Id): string =>
  (document.getElementById(id) as HTMLInputElement | null)?.value.trim() ?? ''

const Field = ({ id, label, hint }: { id: Id; label: string; hint: string }) => (
  <label for={id}>
    {label}
    <small>{hint}</small>
    <input id={id} type="password" autocomplete="off" spellcheck={false} />
  </label>
)

export const Authorize = () => (
  <section class="card" aria-label="Authorize">
    <h2>Authorize</h2>
    <p class="hint">Kept in this page’s memory only, and gone when it closes.</p>
    <div class="auth">
      <Field id="bearer" label="Bearer token" hint="of POST /auth/login: everything of its account" />
      <Field id="api-key" label="User API key" hint="used where no bearer token is given" />
      <Field id="admin-key" label="Admin key" hint="for /admin/* alone" />
    </div>
  </section>
)

/** The header for an operation, from the fields that it accepts. */
export function authHeaders(operation: Operation): Record<string, string> {
  const accepts = (scheme: string) => operation.security.some((item) => scheme in item)
  if (accepts('adminKey')) return credential('admin-key') ? { 'X-API-Key': credential('admin-key') } : {}
  if (accepts('session') && credential('bearer')) return { Authorization: `Bearer ${credential('bearer')}` }
  if (accepts('session') && credential('api-key')) return { 'X-API-Key': credential('api-key') }
  return {}
}
