/** The WebSocket at /ws: opens it, subscribes, and shows each message. */
import { credential } from './credentials.ts'
import { el, json } from './element.ts'

export function openStream(button: HTMLButtonElement, output: HTMLElement): void {
  const lines = el('pre', {}, '')
  const state = el('p', {}, 'connecting …')
  output.replaceChildren(state, lines)
  const token = credential('bearer')
  const socket = new WebSocket(location.origin.replace(/^http/, 'ws') + '/ws', token ? ['bearer', token] : [])
  button.disabled = true
  socket.onopen = () => {
    state.textContent = 'open'
    socket.send(json({ type: 'subscribe', channel: 'spot:user:balances' }))
  }
  socket.onmessage = (event) => lines.append(`${String(event.data)}\n`)
  socket.onclose = (event) => {
    state.textContent = `closed ${event.code} ${event.reason}`
    button.disabled = false
  }
}
