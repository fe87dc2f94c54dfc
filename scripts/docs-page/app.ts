/** The reference page: reads /openapi.json, shows it, and calls the API. Credentials stay in its fields. */
interface Schema {
  type?: string | string[]
  description?: string
  examples?: unknown[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  anyOf?: Schema[]
  enum?: unknown[]
  const?: unknown
  $ref?: string
}
interface Media {
  schema: Schema
  example?: unknown
  examples?: Record<string, { summary: string; value: unknown }>
}
interface Parameter {
  name: string
  in: string
  required: boolean
  description: string
  schema: Schema
}
interface Operation {
  operationId: string
  tags: string[]
  summary: string
  description: string
  security: Record<string, unknown>[]
  parameters?: Parameter[]
  requestBody?: { content: Record<string, Media> }
  responses: Record<string, { description: string; content?: Record<string, Media> }>
}
interface Spec {
  info: { title: string; version: string; description: string }
  tags: { name: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}
interface Route {
  method: string
  path: string
  operation: Operation
}
type Child = Node | string | undefined

function el(name: string, attributes: Record<string, string> = {}, ...children: Child[]): HTMLElement {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  element.append(...children.filter((child) => child !== undefined))
  return element
}

/** Text with `code` in it; never HTML. */
function prose(text: string): DocumentFragment {
  const fragment = document.createDocumentFragment()
  text.split('`').forEach((part, at) => fragment.append(at % 2 === 1 ? el('code', {}, part) : part))
  return fragment
}

const plain = (value: unknown): string => (typeof value === 'string' ? value : json(value))
const json = (value: unknown): string => JSON.stringify(value, null, 2)
const methodBadge = (method: string) => el('span', { class: `badge ${method}` }, method.toUpperCase())
const WHO: Record<string, string> = { session: 'session', userApiKey: 'user API key', adminKey: 'admin key' }

const fields: Record<string, HTMLInputElement> = {}

function credentialField(id: string, label: string, hint: string): HTMLElement {
  const attributes = { id, type: 'password', autocomplete: 'off', spellcheck: 'false' }
  const input = el('input', attributes) as HTMLInputElement
  fields[id] = input
  return el('label', { for: id }, label, el('small', {}, hint), input)
}

function authorizeCard(): HTMLElement {
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

function authHeaders(operation: Operation): Record<string, string> {
  const accepts = (scheme: string) => operation.security.some((item) => scheme in item)
  const value = (id: string) => fields[id]?.value.trim() ?? ''
  if (accepts('adminKey')) return value('admin-key') ? { 'X-API-Key': value('admin-key') } : {}
  if (accepts('session') && value('bearer')) return { Authorization: `Bearer ${value('bearer')}` }
  if (accepts('session') && value('api-key')) return { 'X-API-Key': value('api-key') }
  return {}
}

function typeName(schema: Schema): string {
  if (schema.enum) return schema.enum.map(String).join(' | ')
  if ('const' in schema) return json(schema.const)
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeName))].join(' | ')
  if (schema.type === 'array') return `${schema.items ? typeName(schema.items) : ''}[]`
  return [schema.type ?? 'any'].flat().join(' | ')
}

/** Every field with its path, nested ones too. */
function fieldRows(schema: Schema, prefix = ''): HTMLElement[] {
  const inner = schema.type === 'array' ? schema.items : schema
  return Object.entries(inner?.properties ?? {}).flatMap(([name, field]) => {
    const isRequired = inner?.required?.includes(name) ?? false
    const example = field.examples?.[0]
    const shown =
      example !== undefined && typeof example !== 'object' ? el('code', {}, plain(example)) : undefined
    const path = prefix + name
    const row = el(
      'tr',
      {},
      el(
        'td',
        {},
        el('code', {}, path),
        isRequired ? el('span', { class: 'need', title: 'required' }, ' *') : '',
      ),
      el('td', { class: 'type' }, typeName(field)),
      el('td', {}, prose(field.description ?? ''), shown ? ', e.g. ' : '', shown),
    )
    return [row, ...fieldRows(field, `${path}${field.type === 'array' ? '[]' : ''}.`)]
  })
}

function fieldTable(title: string, rows: HTMLElement[]): HTMLElement | undefined {
  if (rows.length === 0) return undefined
  const table = el('div', { class: 'scroll' }, el('table', {}, el('tbody', {}, ...rows)))
  return el('div', {}, el('h3', {}, title), table)
}

function parameterRows(parameters: Parameter[]): HTMLElement[] {
  const properties = Object.fromEntries(
    parameters.map(({ name, in: where, description, schema }) => [
      name,
      { ...schema, description: `${description} (${where})` },
    ]),
  )
  return fieldRows({ properties, required: parameters.filter((p) => p.required).map((p) => p.name) })
}

function responseList(operation: Operation): HTMLElement {
  const blocks = Object.entries(operation.responses).map(([status, response]) => {
    const media = Object.values(response.content ?? {})[0]
    const examples = Object.values(media?.examples ?? {}).map(({ summary, value }) =>
      el('tr', {}, el('td', {}, el('code', {}, errorName(value))), el('td', {}, prose(summary))),
    )
    const isGood = Number(status) < 400
    const body = isGood
      ? [
          media && fieldTable('Answer', fieldRows(media.schema)),
          media?.example !== undefined ? el('pre', {}, json(media.example)) : undefined,
        ]
      : [el('table', {}, el('tbody', {}, ...examples))]
    const head = el('p', {}, el('span', { class: `status ${isGood ? 'ok' : 'bad'}` }, status))
    return el('div', {}, head, ...body)
  })
  return el('details', {}, el('summary', {}, 'Answers and errors'), ...blocks)
}

function errorName(body: unknown): string {
  const { error, error_id: id } = body as { error?: string; error_id?: string }
  return id ?? error ?? ''
}

function result(title: Child[], good: boolean, text: string): HTMLElement {
  const head = el('p', {}, el('span', { class: `status ${good ? 'ok' : 'bad'}` }, ...title))
  return el('div', { 'data-result': good ? 'ok' : 'bad' }, head, el('pre', {}, text))
}

function tryIt(route: Route): HTMLElement {
  const { operation } = route
  const parameters = (operation.parameters ?? []).filter((parameter) => parameter.name !== 'X-Request-Id')
  const inputs = parameters.map((parameter) => {
    const value = parameter.required ? plain(parameter.schema.examples?.[0] ?? '') : ''
    const input = el('input', { value, spellcheck: 'false', autocomplete: 'off' }) as HTMLInputElement
    return {
      parameter,
      input,
      label: el('label', {}, `${parameter.name}${parameter.required ? ' *' : ''}`, input),
    }
  })
  const example = operation.requestBody?.content['application/json']?.example
  const body =
    example === undefined
      ? undefined
      : (el('textarea', { spellcheck: 'false' }, json(example)) as HTMLTextAreaElement)
  const isStream = operation.responses['101'] !== undefined
  const button = el(
    'button',
    { type: 'button' },
    isStream ? 'Open and subscribe' : 'Execute',
  ) as HTMLButtonElement
  const output = el('div', { 'aria-live': 'polite' })
  button.addEventListener('click', () => {
    if (isStream) return openStream(button, output)
    const values = inputs.map(({ parameter, input }) => ({ parameter, value: input.value.trim() }))
    void execute(route, values, body?.value, button, output)
  })
  return el(
    'details',
    { 'data-try': '' },
    el('summary', {}, 'Try it'),
    el(
      'div',
      { class: 'try' },
      inputs.length > 0 ? el('div', { class: 'row' }, ...inputs.map(({ label }) => label)) : undefined,
      body ? el('label', {}, 'Body', body) : undefined,
      button,
      output,
    ),
  )
}

async function execute(
  { method, path, operation }: Route,
  values: { parameter: Parameter; value: string }[],
  body: string | undefined,
  button: HTMLButtonElement,
  output: HTMLElement,
): Promise<void> {
  const url = new URL(path, location.origin)
  const headers: Record<string, string> = authHeaders(operation)
  for (const { parameter, value } of values) {
    if (parameter.in === 'path') {
      url.pathname = decodeURI(url.pathname).replace(`{${parameter.name}}`, encodeURIComponent(value))
    } else if (value && parameter.in === 'query') url.searchParams.set(parameter.name, value)
    else if (value && parameter.in === 'header') headers[parameter.name] = value
  }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  button.disabled = true
  const startedAt = performance.now()
  try {
    const response = await fetch(url, {
      method: method.toUpperCase(),
      headers,
      ...(body === undefined ? {} : { body }),
    })
    const text = await response.text()
    const ms = Math.round(performance.now() - startedAt)
    const list = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n')
    const shown = result([`${response.status} ${response.statusText} · ${ms} ms`], response.ok, pretty(text))
    output.replaceChildren(shown, el('h3', {}, 'Headers'), el('pre', {}, list))
  } catch (error) {
    output.replaceChildren(result(['No answer'], false, String(error)))
  } finally {
    button.disabled = false
  }
}

function pretty(text: string): string {
  try {
    return json(JSON.parse(text))
  } catch {
    return text
  }
}

function openStream(button: HTMLButtonElement, output: HTMLElement): void {
  const lines = el('pre', {}, '')
  const state = el('p', {}, 'connecting …')
  output.replaceChildren(state, lines)
  const token = fields['bearer']?.value.trim()
  const socket = new WebSocket(location.origin.replace(/^http/, 'ws') + '/ws', token ? ['bearer', token] : [])
  button.disabled = true
  socket.onopen = () => {
    state.textContent = 'open'
    socket.send(json({ type: 'subscribe', channel: 'spot:user:balances' }))
  }
  socket.onmessage = (event) => lines.append(`${String(event.data)}\n`)
  socket.onclose = (event) => {
    state.textContent = `closed ${event.code} ${event.reason}`
    button.disabled = false
  }
}

function routeCard(route: Route): HTMLElement {
  const { operation, method, path } = route
  const who = operation.security.flatMap((item) => Object.keys(item)).map((name) => WHO[name] ?? name)
  const media = operation.requestBody?.content['application/json']
  return el(
    'section',
    { class: 'card', id: operation.operationId },
    el(
      'div',
      { class: 'route' },
      methodBadge(method),
      el('span', { class: 'path' }, path),
      el('span', { class: 'who' }, who.join(' or ') || 'no credential'),
    ),
    el('h2', {}, operation.summary),
    operation.description === operation.summary ? undefined : el('p', {}, prose(operation.description)),
    media && fieldTable('Body', fieldRows(media.schema)),
    fieldTable('Parameters', parameterRows(operation.parameters ?? [])),
    responseList(operation),
    tryIt(route),
  )
}

function schemaCards(spec: Spec): HTMLElement[] {
  return Object.entries(spec.components.schemas).map(([name, schema]) =>
    el(
      'section',
      { class: 'card', id: name },
      el('h2', { class: 'mono' }, name),
      fieldTable('Fields', fieldRows(schema)),
    ),
  )
}

async function start(): Promise<void> {
  const spec = (await (await fetch('/openapi.json')).json()) as Spec
  const routes = Object.entries(spec.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Route => ({ method, path, operation })),
  )
  const tags = spec.tags.map(({ name }) => name)
  const ofTag = (tag: string) => routes.filter(({ operation }) => operation.tags.includes(tag))
  const links = tags.flatMap((tag) => [
    el('h2', {}, tag),
    ...ofTag(tag).map(({ method, path, operation }) =>
      el(
        'a',
        { href: `#${operation.operationId}` },
        methodBadge(method),
        el('span', { class: 'path' }, path.replace('/api/v1', '')),
      ),
    ),
  ])
  const title = el('h1', {}, spec.info.title)
  const sub = el(
    'p',
    {},
    `version ${spec.info.version} · `,
    el('a', { href: '/openapi.json' }, 'openapi.json'),
  )
  document.body.append(
    el(
      'nav',
      {},
      title,
      sub,
      ...links,
      el('h2', {}, 'Schemas'),
      ...Object.keys(spec.components.schemas).map((name) =>
        el('a', { href: `#${name}` }, el('span', { class: 'path' }, name)),
      ),
    ),
    el(
      'main',
      {},
      el('h1', {}, 'API reference'),
      el('p', { class: 'lead' }, prose(spec.info.description)),
      authorizeCard(),
      ...tags.flatMap((tag) => [el('h2', { class: 'tag' }, tag), ...ofTag(tag).map(routeCard)]),
      el('h2', { class: 'tag' }, 'Schemas'),
      ...schemaCards(spec),
    ),
  )
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView()
}

void start()

export {}
