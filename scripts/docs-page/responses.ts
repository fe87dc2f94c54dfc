/** What an operation answers: the good answer with an example, and every error with when it comes. */
import type { Operation } from './document.ts'
import { el, json, prose } from './element.ts'
import { fieldRows, fieldTable } from './field-table.ts'

export function responseList(operation: Operation): HTMLElement {
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
