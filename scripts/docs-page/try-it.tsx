/** The form that calls an operation, the same call as code, and what came back. */
import { useRef, useState } from 'preact/hooks'
import { callOf, SAMPLES, send, type Call, type Language } from './call.ts'
import type { Route } from './document.ts'
import { Code, json, plain } from './prose.tsx'

interface Result {
  title: string
  isGood: boolean
  text: string
  headers?: string
}

export function TryIt({ route }: { route: Route }) {
  const { operation } = route
  const form = useRef<HTMLDivElement>(null)
  const [call, setCall] = useState<Call>()
  const [isBusy, setBusy] = useState(false)
  const [result, setResult] = useState<Result>()
  const parameters = (operation.parameters ?? []).filter(({ name }) => name !== 'X-Request-Id')
  const example = operation.requestBody?.content['application/json']?.example
  const read = (): Call => {
    const fields = [...(form.current?.querySelectorAll('input') ?? [])]
    const given = parameters.map((parameter, at) => ({ parameter, value: fields[at]?.value.trim() ?? '' }))
    return callOf(route, given, form.current?.querySelector('textarea')?.value)
  }
  const show = () => setCall(read())
  const execute = async () => {
    setBusy(true)
    show()
    setResult(await outcomeOf(read()))
    setBusy(false)
  }
  return (
    <details data-try="" onToggle={show}>
      <summary>Try it</summary>
      <div class="try" ref={form} onInput={show}>
        {parameters.length > 0 && (
          <div class="row">
            {parameters.map(({ name, required, schema }) => (
              <label key={name}>
                {name}
                {required ? ' *' : ''}
                <input
                  defaultValue={required ? plain(schema.examples?.[0] ?? '') : ''}
                  spellcheck={false}
                  autocomplete="off"
                />
              </label>
            ))}
          </div>
        )}
        {example !== undefined && (
          <label>
            Body
            <textarea spellcheck={false} defaultValue={json(example)} />
          </label>
        )}
        <button type="button" class="run" disabled={isBusy} onClick={() => void execute()}>
          Execute
        </button>
        <div aria-live="polite">{result && <Shown result={result} />}</div>
        {call && <Samples call={call} onLook={show} />}
      </div>
    </details>
  )
}

async function outcomeOf(call: Call): Promise<Result> {
  const startedAt = performance.now()
  try {
    const response = await send(call)
    const text = await response.text()
    const ms = Math.round(performance.now() - startedAt)
    return {
      title: `${response.status} ${response.statusText} · ${ms} ms`,
      isGood: response.ok,
      text: pretty(text),
      headers: [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n'),
    }
  } catch (error) {
    return { title: 'No answer', isGood: false, text: String(error) }
  }
}

const Shown = ({ result: { title, isGood, text, headers } }: { result: Result }) => (
  <>
    <div data-result={isGood ? 'ok' : 'bad'}>
      <p>
        <span class={`status ${isGood ? 'ok' : 'bad'}`}>{title}</span>
      </p>
      <Code text={text} label="the answer" />
    </div>
    {headers !== undefined && (
      <>
        <h3>Headers</h3>
        <Code text={headers} label="the answer’s headers" />
      </>
    )}
  </>
)

function Samples({ call, onLook }: { call: Call; onLook: () => void }) {
  const [language, setLanguage] = useState<Language>('curl')
  const choose = (one: Language) => () => {
    // A credential may have been typed since.
    onLook()
    setLanguage(one)
  }
  return (
    <div class="samples">
      <div class="languages" role="group" aria-label="The same call in">
        {(Object.keys(SAMPLES) as Language[]).map((one) => (
          <button type="button" key={one} aria-pressed={one === language} onClick={choose(one)}>
            {one}
          </button>
        ))}
      </div>
      <Code text={SAMPLES[language](call)} label={`the call in ${language}`} />
    </div>
  )
}

function pretty(text: string): string {
  try {
    return json(JSON.parse(text))
  } catch {
    return text
  }
}
