/**
 * The reference page: reads /openapi.json, shows it, and calls the API. It runs in a browser, as one script that
 * build.ts makes of this file and of those it imports.
 */
import { authorizeCard } from './credentials.ts'
import type { Route, Spec } from './document.ts'
import { el, methodBadge, prose } from './element.ts'
import { fieldRows, fieldTable } from './field-table.ts'
import { routeCard } from './route-card.ts'

/** The operations of one tag, in the document's order. */
interface Section {
  tag: string
  routes: Route[]
}

function sectionsOf(spec: Spec): Section[] {
  const all = Object.entries(spec.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Route => ({ method, path, operation })),
  )
  return spec.tags.map(({ name: tag }) => ({
    tag,
    routes: all.filter(({ operation }) => operation.tags.includes(tag)),
  }))
}

function navigation(spec: Spec, sections: Section[]): HTMLElement {
  const operations = sections.flatMap(({ tag, routes }) => [
    el('h2', {}, tag),
    ...routes.map(({ method, path, operation }) =>
      el(
        'a',
        { href: `#${operation.operationId}` },
        methodBadge(method),
        el('span', { class: 'path' }, path.replace('/api/v1', '')),
      ),
    ),
  ])
  const schemas = Object.keys(spec.components.schemas).map((name) =>
    el('a', { href: `#${name}` }, el('span', { class: 'path' }, name)),
  )
  const version = `version ${spec.info.version} · `
  return el(
    'nav',
    {},
    el('h1', {}, spec.info.title),
    el('p', {}, version, el('a', { href: '/openapi.json' }, 'openapi.json')),
    ...operations,
    el('h2', {}, 'Schemas'),
    ...schemas,
  )
}

function reference(spec: Spec, sections: Section[]): HTMLElement {
  return el(
    'main',
    {},
    el('h1', {}, 'API reference'),
    el('p', { class: 'lead' }, prose(spec.info.description)),
    authorizeCard(),
    ...sections.flatMap(({ tag, routes }) => [el('h2', { class: 'tag' }, tag), ...routes.map(routeCard)]),
    el('h2', { class: 'tag' }, 'Schemas'),
    ...schemaCards(spec),
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
  const sections = sectionsOf(spec)
  document.body.append(navigation(spec, sections), reference(spec, sections))
  // The browser looked for the address's anchor before there was one.
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView()
}

void start()
