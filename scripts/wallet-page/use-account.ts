/** The balances of who is signed in, kept true by the stream, and read again after whatever it cannot tell. */
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks'
import { clientWith, type Balance, type Client } from './api.ts'
import { openStream, type StreamState } from './stream.ts'
import type { Session } from './wallet.ts'

export type Held = Pick<Balance, 'available' | 'frozen' | 'version'>
export const NOTHING: Held = { available: '0', frozen: '0', version: 0 }

export interface Account {
  client: Client
  session: Session
  spot: Readonly<Record<string, Held>>
  perp: Readonly<Record<string, Held>>
  stream: StreamState
  /** Grows whenever money of the account may have moved: lists read themselves again. */
  changes: number
  /** Something moved that the stream does not tell of. */
  changed: () => void
}

const SETTLED_MS = 60

export function useAccount(session: Session, onEnded: () => void): Account {
  const { token } = session
  const client = useMemo(() => clientWith(token), [token])
  const [spot, setSpot] = useState<Record<string, Held>>({})
  const [perp, setPerp] = useState<Record<string, Held>>({})
  const [stream, setStream] = useState<StreamState>('connecting')
  const [changes, setChanges] = useState(0)
  const changed = useCallback(() => setChanges((count) => count + 1), [])

  useEffect(
    () =>
      openStream(token, {
        onBalance({ token: symbol, available, frozen, version }) {
          setSpot((known) => ({ ...known, [symbol]: { available, frozen, version } }))
          changed()
        },
        onState: setStream,
        onRepaired: changed,
        onEnded,
      }),
    [token, changed, onEnded],
  )
  useSettled(changes, () => {
    void client.call('GET /api/v1/perp/balances', { query: {} }).then(
      ({ balances }) => setPerp(Object.fromEntries(balances.map((balance) => [balance.token, balance]))),
      // The next change reads it again.
      () => undefined,
    )
  })
  return { client, session, spot, perp, stream, changes, changed }
}

/** Does it a moment after the last of several changes in a row. */
export function useSettled(changes: number, work: () => void, more: readonly unknown[] = []): void {
  useEffect(() => {
    const timer = setTimeout(work, SETTLED_MS)
    return () => clearTimeout(timer)
  }, [changes, ...more])
}
