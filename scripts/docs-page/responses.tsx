/** What an operation answers: the good answer with an example, and every error with when it comes. */
import type { Operation } from './document.ts'
import { FieldTable, fieldsOf } from './field-table.tsx'
import { Code, json, Prose } from './prose.tsx'

export const Responses = ({ operation }: { operation: Operation }) => (
  <details>
    <summary>Answers and errors</summary>
    {Object.entries(operation.responses).map(([status, response]) => {
      const media = Object.values(response.content ?? {})[0]
      const isGood = Number(status) < 400
      return (
        <div key={status}>
          <p>
            <span class={`status ${isGood ? 'ok' : 'bad'}`}>{status}</span>
          </p>
          {isGood && media && <FieldTable title="Answer" fields={fieldsOf(media.schema)} />}
          {isGood && media?.example !== undefined && (
            <Code text={json(media.example)} label={`example of the answer ${status}`} />
          )}
          {!isGood && (
            <table>
              <tbody>
                {Object.values(media?.examples ?? {}).map(({ summary, value }) => (
                  <tr key={errorName(value)}>
                    <td>
                      <code>{errorName(value)}</code>
                    </td>
                    <td>
                      <Prose text={summary} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </div>
      )
    })}
  </details>
)

/** What programs match. */
export function errorName(body: unknown): string {
  const { error, error_id: id } = body as { error?: string; error_id?: string }
  return id ?? error ?? ''
}
