/** The balance stream, which comes back by itself and never shows an older balance than it has shown. */
import type { StreamBalance } from '../examples/client.ts'

export type StreamState = 'connecting' | 'live' | 'lost'

export interface StreamListener {
  onBalance(balance: StreamBalance['data']): void
  onState(state: StreamState): void
  /** A snapshot follows: whatever happened while nobody listened is to be read again. */
  onRepaired(): void
  /** The session has ended: it is not tried again. */
  onEnded(): void
}

const SUBSCRIBE = '{"type":"subscribe","channel":"spot:user:balances"}'
const PING = '{"type":"ping"}'
const PING_EVERY_MS = 15_000
const SILENCE_MS_MAX = 40_000
const AGAIN_MS_MIN = 500
const AGAIN_MS_MAX = 10_000
const SESSION_ENDED = 4401

/** @returns what closes it for good */
export function openStream(token: string, listener: StreamListener): () => void {
  const versions = new Map<string, number>()
  let socket: WebSocket
  let heardAt = 0
  let wait = AGAIN_MS_MIN
  let again: ReturnType<typeof setTimeout> | undefined
  let isOver = false

  const take = (balance: StreamBalance['data']): void => {
    const known = versions.get(balance.token)
    if (known !== undefined && balance.version < known) return
    // A push was lost. The newest balance is right, and the snapshot tells what else changed.
    if (known !== undefined && balance.version > known + 1) socket.send(SUBSCRIBE)
    versions.set(balance.token, balance.version)
    listener.onBalance(balance)
  }
  const open = (): void => {
    clearTimeout(again)
    listener.onState('connecting')
    const mine = new WebSocket(location.origin.replace(/^http/, 'ws') + '/ws', ['bearer', token])
    socket = mine
    heardAt = Date.now()
    mine.onopen = () => mine.send(SUBSCRIBE)
    mine.onmessage = ({ data }) => {
      if (mine !== socket) return
      heardAt = Date.now()
      const message = JSON.parse(String(data)) as { type: string }
      if (message.type === 'spot_user_balance') return take((message as StreamBalance).data)
      if (message.type !== 'subscribed') return
      wait = AGAIN_MS_MIN
      listener.onState('live')
      listener.onRepaired()
    }
    mine.onclose = ({ code }) => {
      if (isOver || mine !== socket) return
      if (code === SESSION_ENDED) return listener.onEnded()
      listener.onState('lost')
      again = setTimeout(open, wait)
      wait = Math.min(wait * 2, AGAIN_MS_MAX)
    }
  }
  // A network that went away does not close a socket: only silence tells.
  const pulse = setInterval(() => {
    if (socket.readyState !== WebSocket.OPEN) return
    if (Date.now() - heardAt <= SILENCE_MS_MAX) return socket.send(PING)
    const silent = socket
    open()
    silent.close()
  }, PING_EVERY_MS)
  const hurry = () => {
    if (socket.readyState === WebSocket.CLOSED) open()
  }
  window.addEventListener('online', hurry)
  document.addEventListener('visibilitychange', hurry)
  open()
  return () => {
    isOver = true
    clearTimeout(again)
    clearInterval(pulse)
    window.removeEventListener('online', hurry)
    document.removeEventListener('visibilitychange', hurry)
    socket.close()
  }
}
