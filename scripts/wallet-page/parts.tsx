/** Small things that the whole page is made of. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { grouped } from './amounts.ts'
import type { Job } from './use-job.ts'

export function Card(props: {
  title: string
  area?: string
  note?: ComponentChildren
  tools?: ComponentChildren
  children: ComponentChildren
}) {
  const { title, area, note, tools, children } = props
  return (
    <section class={`card ${area ?? ''}`} aria-label={title}>
      <div class="head">
        <h2>{title}</h2>
        {tools}
      </div>
      {note !== undefined && <p class="note">{note}</p>}
      {children}
    </section>
  )
}

/** An amount that lights up for a moment when it has changed. It takes no more room then. */
export function Amount({ value, name }: { value: string; name?: string }) {
  const first = useRef(value)
  const isNew = first.current !== value
  return (
    <span class={`amount ${isNew ? 'flash' : ''}`} key={value} data-balance={name}>
      {grouped(value)}
    </span>
  )
}

export const shortened = (account: string): string => `${account.slice(0, 6)}…${account.slice(-4)}`

/** An account, address or hash: short for the eye, whole when copied. */
export function Copyable({ text, label }: { text: string; label?: string }) {
  const [isCopied, setCopied] = useState(false)
  useEffect(() => {
    if (!isCopied) return undefined
    const timer = setTimeout(() => setCopied(false), 1_500)
    return () => clearTimeout(timer)
  }, [isCopied])
  const copy = () => void navigator.clipboard.writeText(text).then(() => setCopied(true))
  return (
    <button type="button" class="copy mono" title={text} onClick={copy}>
      {isCopied ? 'Copied' : (label ?? shortened(text))}
    </button>
  )
}

/** Choices of which one is taken, as a row of buttons. */
export function Choice<T extends string>(props: {
  label: string
  options: readonly (readonly [value: T, label: string])[]
  value: T
  onChange: (value: T) => void
}) {
  const { label, options, value, onChange } = props
  return (
    <div class="choice" role="group" aria-label={label}>
      {options.map(([one, text]) => (
        <button type="button" key={one} aria-pressed={one === value} onClick={() => onChange(one)}>
          {text}
        </button>
      ))}
    </div>
  )
}

export function Select(props: {
  label: string
  value: string
  options: readonly (readonly [value: string, label: string])[]
  onChange: (value: string) => void
}) {
  return (
    <label class="field">
      <span>{props.label}</span>
      <select value={props.value} onChange={(event) => props.onChange(event.currentTarget.value)}>
        {props.options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}

/** What became of a job: said aloud to who cannot see it. */
export function Outcome<T>({ job, done }: { job: Job<T>; done: (result: T) => ComponentChildren }) {
  const { fault, result } = job
  return (
    <div class="outcome" role="status">
      {fault && (
        <div class={`told ${fault.isUnknown ? 'unknown' : 'bad'}`}>
          <p>{fault.text}</p>
          {fault.detail !== '' && <p class="mono small">{fault.detail}</p>}
          {fault.isUnknown && (
            <button type="button" class="quiet" onClick={() => void job.run()}>
              Ask again: nothing moves twice
            </button>
          )}
        </div>
      )}
      {result !== undefined && <p class="told good">{done(result)}</p>}
    </div>
  )
}

const CLOCK = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
export const timeText = (seconds: number): string => CLOCK.format(seconds * 1000)

/** Seconds as `59:07`, or with hours in front. */
export function countdown(seconds: number): string {
  const left = Math.max(0, Math.floor(seconds))
  const parts = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60]
  const shown = parts[0] === 0 ? parts.slice(1) : parts
  return shown.map((part, at) => (at === 0 ? String(part) : String(part).padStart(2, '0'))).join(':')
}

/** The wall clock in unix seconds, ticking. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now() / 1000)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() / 1000), 1_000)
    return () => clearInterval(timer)
  }, [])
  return now
}
