/** The operator's tab: what the vault holds against what is owed, what is open, what is wrong, and the pause. */
import { useEffect, useState } from 'preact/hooks'
import Big from 'big.js'
import { grouped } from './amounts.ts'
import { faultOf, type Token } from './api.ts'
import { Credit } from './credit.tsx'
import { Alerts, Open, Runs } from './operator-lists.tsx'
import { Card, Outcome } from './parts.tsx'
import { readOperator, switchPause, type OperatorView, type Playground } from './playground.ts'
import type { Account } from './use-account.ts'
import { useJob } from './use-job.ts'

interface Props {
  account: Account
  tokens: Token[]
  playground: Playground | undefined
}

const LOOK_EVERY_MS = 5_000

export function Operator({ account, tokens, playground }: Props) {
  if (playground !== undefined) return <Local />
  return (
    <main class="desk narrow">
      <h1 class="hidden">Operator</h1>
      <Card title="Faucet">
        <Credit {...{ account, tokens }} adminKey={undefined} />
      </Card>
      <p class="note">
        Solvency, alerts and settle’s runs are read with the owner’s login of the database, which no function
        has: here they are shown on a local stack only. Elsewhere `npm run alerts` and `npm run verify` tell
        them.
      </p>
    </main>
  )
}

function Local() {
  const [view, setView] = useState<OperatorView>()
  const [problem, setProblem] = useState<string>()
  useEffect(() => {
    const look = () =>
      void readOperator().then(
        (read) => {
          setView(read)
          setProblem(undefined)
        },
        (error: unknown) => setProblem(faultOf(error).text),
      )
    look()
    const timer = setInterval(look, LOOK_EVERY_MS)
    return () => clearInterval(timer)
  }, [])
  return (
    <main class="desk operator">
      <h1 class="hidden">Operator</h1>
      {problem !== undefined && <p class="told bad">{problem}</p>}
      {view && (
        <>
          <Solvency {...{ view }} />
          <Pause {...{ view }} onView={setView} />
          <Alerts {...{ view }} />
          <Open {...{ view }} />
          <Runs {...{ view }} />
        </>
      )}
    </main>
  )
}

function Solvency({ view }: { view: OperatorView }) {
  return (
    <Card
      title="Solvency"
      area="balances"
      note="What the vault holds of each token, against all that is owed of it, at settle’s last look."
    >
      {view.solvency.length === 0 && (
        <p class="empty">Settle has not looked yet: it does with its first run.</p>
      )}
      <ul class="plain bars">
        {view.solvency.map(({ token, vault, owed, block }) => (
          <li key={token}>
            <div class="pair">
              <b>{token}</b>
              <span class={Big(vault).gte(owed) ? 'more' : 'less'}>
                {Big(vault).gte(owed) ? 'covered' : 'not covered'} · block {block}
              </span>
            </div>
            <progress
              max={100}
              value={shareOf(owed, vault)}
              aria-label={`owed ${token} as a part of what the vault holds`}
            />
            <small>
              owed <span class="amount">{grouped(owed)}</span> of <span class="amount">{grouped(vault)}</span>{' '}
              held
            </small>
          </li>
        ))}
      </ul>
    </Card>
  )
}

/** In percent, for a bar's length. */
const shareOf = (part: string, whole: string): number =>
  Big(whole).gt(0) ? Math.min(100, Number(Big(part).div(whole).times(100).toFixed(2))) : 100

function Pause({ view, onView }: { view: OperatorView; onView: (view: OperatorView) => void }) {
  const [why, setWhy] = useState('')
  const isPaused = view.paused !== null
  const job = useJob(
    async () => await switchPause(!isPaused, why),
    (next) => {
      setWhy('')
      onView(next)
    },
  )
  return (
    <Card title="Withdrawals" area="jobs">
      <p class={`told ${isPaused ? 'unknown' : 'good'}`}>
        {isPaused ? `Paused: ${view.paused ?? ''}. Nothing is signed.` : 'Open: requests are signed.'}
      </p>
      <label class="field">
        <span>Why</span>
        <input value={why} onInput={(event) => setWhy(event.currentTarget.value)} />
        <small>For whoever reads it later.</small>
      </label>
      <button
        type="button"
        class="main"
        disabled={why.trim() === '' || job.isBusy}
        onClick={() => void job.run()}
      >
        {isPaused ? 'Let withdrawals go on' : 'Pause withdrawals'}
      </button>
      <Outcome
        job={job}
        done={({ paused }) => (paused === null ? 'Withdrawals go on.' : 'Withdrawals are paused.')}
      />
    </Card>
  )
}
