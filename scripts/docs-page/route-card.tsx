/** One operation of the API: who may call it, what it takes and answers, and a form to try it. */
import type { Route } from './document.ts'
import { FieldTable, fieldsOf, parameterFields } from './field-table.tsx'
import { MethodBadge, Prose } from './prose.tsx'
import { Responses } from './responses.tsx'
import { TryStream } from './stream.tsx'
import { TryIt } from './try-it.tsx'

const WHO: Record<string, string> = { session: 'session', userApiKey: 'user API key', adminKey: 'admin key' }

export function RouteCard({ route, isHidden }: { route: Route; isHidden: boolean }) {
  const { operation, method, path } = route
  const who = operation.security.flatMap((item) => Object.keys(item)).map((name) => WHO[name] ?? name)
  const media = operation.requestBody?.content['application/json']
  return (
    <section class="card" id={operation.operationId} hidden={isHidden} aria-label={operation.summary}>
      <div class="route">
        <MethodBadge method={method} />
        <span class="path">{path}</span>
        <span class="who">{who.join(' or ') || 'no credential'}</span>
      </div>
      <h2>{operation.summary}</h2>
      {operation.description !== operation.summary && (
        <p>
          <Prose text={operation.description} />
        </p>
      )}
      {media && <FieldTable title="Body" fields={fieldsOf(media.schema)} />}
      <FieldTable title="Parameters" fields={parameterFields(operation.parameters ?? [])} />
      <Responses operation={operation} />
      {operation.responses['101'] === undefined ? <TryIt route={route} /> : <TryStream />}
    </section>
  )
}
