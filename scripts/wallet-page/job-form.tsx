/** A form around a job: its button is closed for as long as there is a reason not to send it. */
import type { ComponentChildren } from 'preact'
import { Outcome } from './parts.tsx'
import type { Job } from './use-job.ts'

interface Props<T> {
  job: Job<T>
  verb: string
  /** Why it cannot be sent; undefined when it can. */
  problem: string | undefined
  /** What the balances will be. */
  preview?: ComponentChildren
  done: (result: T) => ComponentChildren
  children: ComponentChildren
}

export function JobForm<T>({ job, verb, problem, preview, done, children }: Props<T>) {
  const isClosed = problem !== undefined || job.isBusy || job.fault?.isUnknown === true
  const submit = (event: Event) => {
    event.preventDefault()
    if (!isClosed) void job.run()
  }
  return (
    <form onSubmit={submit} onInput={() => job.result !== undefined && job.clear()} noValidate>
      <fieldset disabled={job.isBusy || job.fault?.isUnknown === true}>{children}</fieldset>
      <div class="preview">{problem === undefined ? preview : <span class="why">{problem}</span>}</div>
      <button type="submit" class="main" disabled={isClosed}>
        {job.isBusy ? 'Working …' : verb}
      </button>
      <Outcome job={job} done={done} />
    </form>
  )
}

/** `spot 9,900 → 9,800`: what a balance is and will be. */
export function Change({ name, from, to }: { name: string; from: string; to: string }) {
  return (
    <span class="change">
      {name} <span class="amount">{from}</span> <span aria-label="becomes">→</span> <b class="amount">{to}</b>
    </span>
  )
}
