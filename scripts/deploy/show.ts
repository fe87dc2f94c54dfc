/** What the deploy command tells a person: the plan, how it ended, and what a failure left undone. Nothing secret is in it. */
import type { Outcome } from './apply.ts'
import { databaseChanges, type DatabasePlan } from './database.ts'
import type { Plan, Step } from './plan.ts'

export function planText({ steps, strangers }: Plan, database: DatabasePlan): string {
  return [
    table(steps, 'changes', ({ changes }) => changes.join(', ') || 'none'),
    ...strangers.map(
      (name) =>
        `${name} is deployed and none of this: \`npx wrangler delete --name ${name}\` if nobody needs it`,
    ),
    `database: ${databaseChanges(database).join('; ') || 'no changes'}`,
  ].join('\n')
}

export const summaryText = ({ steps }: Plan, { done }: Outcome): string =>
  table(steps, 'deployment', ({ worker: { name, routes, crons } }) =>
    [done.includes(name) ? 'deployed' : 'up to date', ...routes, ...crons.map((cron) => `cron ${cron}`)].join(
      ', ',
    ),
  )

function table(steps: readonly Step[], title: string, cell: (step: Step) => string): string {
  const width = Math.max(...steps.map(({ worker }) => worker.name.length))
  const row = (name: string, hash: string, rest: string) =>
    `${name.padEnd(width)}  ${hash.padEnd(12)}  ${rest}`
  return [
    row('Worker', 'bundle', title),
    ...steps.map((step) => row(step.worker.name, step.bundle.hash.slice(0, 12), cell(step))),
  ].join('\n')
}

export function failureText({ failed, done, left }: Outcome, { stale }: DatabasePlan): string {
  return [
    ...[...failed].map(([name, why]) => `${name}: ${why}`),
    'done: the database',
    ...(done.length > 0 ? [`done: ${done.join(', ')}`] : []),
    `not done, as far as is known: ${[...failed.keys(), ...left].join(', ')}`,
    ...(stale.length > 0
      ? ['the logins have new passwords: until then, what is not done cannot log in']
      : []),
    'what is done stays; run the same command again to go on',
  ].join('\n')
}
