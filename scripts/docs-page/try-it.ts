/** The form that calls an operation, and what came back. */
import { authHeaders } from './credentials.ts'
import type { Parameter, Route } from './document.ts'
import { el, json, plain, type Child } from './element.ts'
import { openStream } from './stream.ts'

export function tryIt(route: Route): HTMLElement {
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

function result(title: Child[], good: boolean, text: string): HTMLElement {
  const head = el('p', {}, el('span', { class: `status ${good ? 'ok' : 'bad'}` }, ...title))
  return el('div', { 'data-result': good ? 'ok' : 'bad' }, head, el('pre', {}, text))
}

function pretty(text: string): string {
  try {
    return json(JSON.parse(text))
  } catch {
    return text
  }
}
