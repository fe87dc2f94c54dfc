/** What is wrong, open, and done: the operator's lists. */
import { grouped } from './amounts.ts'
import { Card, shortened, timeText, useNow } from './parts.tsx'
import type { OperatorView } from './playground.ts'

export function Alerts({ view }: { view: OperatorView }) {
  return (
    <Card title="Alerts" area="withdrawals">
      {view.alerts.length === 0 && <p class="empty">None are open.</p>}
      <ul class="plain">
        {view.alerts.map(({ kind, times_seen: times, last_seen_at: seen, detail }) => (
          <li key={kind + JSON.stringify(detail)} class="alert">
            <b>{kind.replaceAll('_', ' ')}</b>{' '}
            <small>
              ×{times}, last {timeText(seen)}
            </small>
            <pre class="mono small">{JSON.stringify(detail)}</pre>
          </li>
        ))}
      </ul>
    </Card>
  )
}

export function Open({ view }: { view: OperatorView }) {
  const now = useNow()
  return (
    <Card title="Open withdrawals" area="picture" note="The oldest first.">
      {view.open.length === 0 && <p class="empty">None.</p>}
      <ul class="plain lines">
        {view.open.map(({ id, account, token, amount, status, requested_at: at }) => (
          <li key={id}>
            <span class="mono">{shortened(account)}</span>
            <span class="amount">
              {grouped(amount)} {token}
            </span>
            <span>{status}</span>
            <span>{Math.max(0, Math.floor((now - at) / 60))} min old</span>
          </li>
        ))}
      </ul>
    </Card>
  )
}

const RUN_COLUMNS = [
  ['confirmed', 'Confirmed', ''],
  ['expired', 'Expired', ''],
  ['deposited', 'Deposits', ''],
  ['released', 'Released', 'extra'],
  ['quarantined', 'Quarantined', 'extra'],
  ['final_block', 'Final block', 'extra'],
  ['ms', 'ms', 'extra'],
] as const

const numberIn = (summary: Record<string, unknown>, name: string): number | string =>
  typeof summary[name] === 'number' ? summary[name] : '–'

export function Runs({ view }: { view: OperatorView }) {
  return (
    <Card title="Settle’s last runs" area="history">
      {view.runs.length === 0 && <p class="empty">None yet.</p>}
      {view.runs.length > 0 && (
        <table class="runs-table">
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Outcome</th>
              {RUN_COLUMNS.map(([name, title, kind]) => (
                <th scope="col" key={name} class={kind}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {view.runs.map(({ finished_at: at, summary }) => (
              <tr key={at}>
                <td>{timeText(at)}</td>
                <td class={summary['outcome'] === 'ok' ? 'more' : 'less'}>{String(summary['outcome'])}</td>
                {RUN_COLUMNS.map(([name, , kind]) => (
                  <td key={name} class={kind}>
                    {numberIn(summary, name)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  )
}
