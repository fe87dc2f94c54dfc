/** One operation of the API: who may call it, what it takes and answers, and a form to try it. */
import type { Route } from './document.ts'
import { el, methodBadge, prose } from './element.ts'
import { fieldRows, fieldTable, parameterRows } from './field-table.ts'
import { responseList } from './responses.ts'
import { tryIt } from './try-it.ts'

const WHO: Record<string, string> = { session: 'session', userApiKey: 'user API key', adminKey: 'admin key' }

export function routeCard(route: Route): HTMLElement {
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
