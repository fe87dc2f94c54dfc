/**
 * The reference page: reads /openapi.json, shows it, and calls the API. It runs in a browser, as one script that
 * build.ts makes of this file and of those it imports.
 */
import { render } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { Authorize } from './credentials.tsx'
import type { Route, Section, Spec } from './document.ts'
import { FieldTable, fieldsOf } from './field-table.tsx'
import { Menu } from './menu.tsx'
import { Prose } from './prose.tsx'
import { errorName } from './responses.tsx'
import { RouteCard } from './route-card.tsx'

function sectionsOf(spec: Spec): Section[] {
  const all = Object.entries(spec.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Route => ({ method, path, operation })),
  )
  return spec.tags.map(({ name: tag }) => ({
    tag,
    routes: all.filter(({ operation }) => operation.tags.includes(tag)),
  }))
}

/** What is searched of an operation: its words, its fields and the names of its errors, but not the errors' own words. */
function searchedOf({ method, path, operation }: Route): string {
  const media = operation.requestBody?.content['application/json']
  const fields = media === undefined ? [] : fieldsOf(media.schema).map((field) => field.path)
  const filters = (operation.parameters ?? [])
    .map(({ name }) => name)
    .filter((name) => name !== 'X-Request-Id')
  const errors = Object.values(operation.responses).flatMap(({ content }) =>
    Object.values(content ?? {}).flatMap(({ examples }) =>
      Object.values(examples ?? {}).map(({ value }) => errorName(value)),
    ),
  )
  return [method, path, operation.summary, operation.description, ...fields, ...filters, ...errors].join(' ')
}

function textsOf(spec: Spec, sections: Section[]): Map<string, string> {
  const routes = sections.flatMap(({ routes: some }) => some)
  return new Map([
    ...routes.map((route): [string, string] => [
      route.operation.operationId,
      searchedOf(route).toLowerCase(),
    ]),
    ...Object.entries(spec.components.schemas).map(([name, schema]): [string, string] => [
      name,
      [name, ...fieldsOf(schema).map((field) => field.path)].join(' ').toLowerCase(),
    ]),
  ])
}

function Reference({ spec }: { spec: Spec }) {
  const sections = useMemo(() => sectionsOf(spec), [spec])
  const texts = useMemo(() => textsOf(spec, sections), [spec, sections])
  const [query, setQuery] = useState('')
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  const isHidden = (id: string) => !words.every((word) => texts.get(id)?.includes(word))
  const none = [...texts.keys()].every(isHidden)
  // The browser looked for the address's anchor before there was one.
  useEffect(() => {
    if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView()
  }, [])
  return (
    <>
      <Menu {...{ spec, sections, query, isHidden }} onQuery={setQuery} />
      <main>
        <h1>API reference</h1>
        <p class="lead">
          <Prose text={spec.info.description} />
        </p>
        <Authorize />
        {none && <p role="status">Nothing has all of these words.</p>}
        {sections.map(({ tag, routes }) => (
          <div key={tag}>
            <h2 class="tag" hidden={routes.every(({ operation }) => isHidden(operation.operationId))}>
              {tag}
            </h2>
            {routes.map((route) => (
              <RouteCard
                key={route.operation.operationId}
                route={route}
                isHidden={isHidden(route.operation.operationId)}
              />
            ))}
          </div>
        ))}
        <h2 class="tag">Schemas</h2>
        {Object.entries(spec.components.schemas).map(([name, schema]) => (
          <section key={name} class="card" id={name} hidden={isHidden(name)} aria-label={name}>
            <h2 class="mono">{name}</h2>
            <FieldTable title="Fields" fields={fieldsOf(schema)} />
          </section>
        ))}
      </main>
    </>
  )
}

const spec = (await (await fetch('/openapi.json')).json()) as Spec
render(<Reference spec={spec} />, document.body)
