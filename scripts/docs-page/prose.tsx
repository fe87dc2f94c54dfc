/** Words and values as the whole page shows them: elements and text, never a string of HTML. */
import { Fragment } from 'preact'
import { useEffect, useState } from 'preact/hooks'

/** Text with `code` in it. */
export const Prose = ({ text }: { text: string }) => (
  <>
    {text
      .split('`')
      .map((part, at) =>
        at % 2 === 1 ? <code key={at}>{part}</code> : <Fragment key={at}>{part}</Fragment>,
      )}
  </>
)

export const json = (value: unknown): string => JSON.stringify(value, null, 2)
export const plain = (value: unknown): string => (typeof value === 'string' ? value : json(value))

export const MethodBadge = ({ method }: { method: string }) => (
  <span class={`badge ${method}`}>{method.toUpperCase()}</span>
)

const COPIED_MS = 1_500

/** Something to read and to take away. It scrolls, so a keyboard must reach it. */
export function Code({ text, label }: { text: string; label: string }) {
  const [isCopied, setCopied] = useState(false)
  useEffect(() => {
    if (!isCopied) return undefined
    const timer = setTimeout(() => setCopied(false), COPIED_MS)
    return () => clearTimeout(timer)
  }, [isCopied])
  return (
    <div class="code">
      <pre tabIndex={0} aria-label={label}>
        {text}
      </pre>
      <button
        type="button"
        class="copy"
        aria-label={`Copy: ${label}`}
        onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
      >
        {isCopied ? 'Copied' : 'Copy'}
      </button>
    </div>
  )
}
