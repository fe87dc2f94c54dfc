/** The WebSocket at /ws: opens it, subscribes, and shows each message. */
import { useState } from 'preact/hooks'
import { credential } from './credentials.tsx'
import { Code, json } from './prose.tsx'

export function TryStream() {
  const [state, setState] = useState<string>()
  const [isOpen, setOpen] = useState(false)
  const [lines, setLines] = useState('')
  const open = () => {
    const token = credential('bearer')
    const socket = new WebSocket(
      location.origin.replace(/^http/, 'ws') + '/ws',
      token ? ['bearer', token] : [],
    )
    setOpen(true)
    setState('connecting …')
    setLines('')
    socket.onopen = () => {
      setState('open')
      socket.send(json({ type: 'subscribe', channel: 'spot:user:balances' }))
    }
    socket.onmessage = (event) => setLines((before) => `${before}${String(event.data)}\n`)
    socket.onclose = (event) => {
      setState(`closed ${event.code} ${event.reason}`)
      setOpen(false)
    }
  }
  return (
    <details data-try="">
      <summary>Try it</summary>
      <div class="try">
        <button type="button" class="run" disabled={isOpen} onClick={open}>
          Open and subscribe
        </button>
        <div aria-live="polite">
          {state !== undefined && <p>{state}</p>}
          {lines !== '' && <Code text={lines} label="messages" />}
        </div>
      </div>
    </details>
  )
}
