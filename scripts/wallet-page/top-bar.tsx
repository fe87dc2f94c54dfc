/** The bar at the top: where one is, who one is, and whether the numbers are live. */
import { Copyable } from './parts.tsx'
import type { StreamState } from './stream.ts'
import type { Account } from './use-account.ts'

export type View = 'wallet' | 'operator'

const STATES: Record<StreamState, string> = {
  connecting: 'Connecting',
  live: 'Live',
  lost: 'Reconnecting',
}

function Brand() {
  return (
    <a class="brand" href="/" aria-label="Tidegate">
      <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
        <path d="M3 9c3-4 6-4 9 0s6 4 9 0M3 16c3-4 6-4 9 0s6 4 9 0" />
      </svg>
      Tidegate
    </a>
  )
}

interface Props {
  account?: Account
  view?: View
  onView?: (view: View) => void
  onLeave?: () => void
}

export function TopBar({ account, view, onView, onLeave }: Props) {
  const tab = (one: View, text: string) => (
    <button type="button" aria-current={one === view ? 'page' : undefined} onClick={() => onView?.(one)}>
      {text}
    </button>
  )
  return (
    <header class="bar">
      <Brand />
      <nav aria-label="Main">
        {account && tab('wallet', 'Wallet')}
        {account && tab('operator', 'Operator')}
        <a href="/docs">API</a>
      </nav>
      {account && (
        <div class="me">
          <span class={`state ${account.stream}`} role="status" data-stream={account.stream}>
            {STATES[account.stream]}
          </span>
          <Copyable text={account.session.wallet.account} />
          <button type="button" class="quiet" onClick={onLeave}>
            Sign out
          </button>
        </div>
      )}
    </header>
  )
}
