/**
 * `npm run reconcile -- --why "…"`: after a restore, books what the chain knows and the ledger has lost, and says what is left
 * to be done before signing may be resumed; exit 1 until nothing is.
 */
import './stack/forget-shell.ts'
import { argumentsOf, command, UsageError } from './stack/command.ts'
import { asOwner } from './stack/owner.ts'

type Query = Parameters<Parameters<typeof asOwner>[0]>[0]

const USAGE = 'usage: npm run reconcile -- --why "the reason, for whoever reads it later" [--by "your name"]'

/**
 * False, and said, where there is nothing to reconcile.
 * @throws Error while settle has not looked yet at what a withdrawal has missed
 */
async function isNoticed(query: Query): Promise<boolean> {
  const [row] = await query<{ noticed: boolean; missed: boolean }>(
    `select exists (select from restores where reconciled_at is null) as noticed,
       exists (select from switches where name = 'withdrawals_paused' and engaged and reason like 'a withdrawal misses %') as missed`,
  )
  if (row?.noticed) return true
  if (row?.missed)
    throw new Error(
      'no restore was noticed by settle yet, and a withdrawal misses what was in this ledger: let settle run, then come again',
    )
  console.log(
    'no restore was noticed: nothing is to be done (right after one, let settle run first, which is what notices it)',
  )
  return false
}

await command(async () => {
  const { values } = argumentsOf({
    usage: USAGE,
    options: { why: { type: 'string' }, by: { type: 'string' } },
  })
  const [why, by] = [values.why?.trim(), values.by?.trim()]
  if (!why) throw new UsageError(USAGE)
  await asOwner(async (query) => {
    if (!(await isNoticed(query))) return
    const [row] = await query<{ result: { done: boolean; booked: string[]; left: string[] } }>(
      `select ledger.reconcile(concat_ws(' as ', $1::text, session_user), $2) as result`,
      [by ?? null, why],
    )
    if (!row) throw new Error('the database did not answer')
    const { done, booked, left } = row.result
    for (const payment of booked) console.log(`booked: ${payment}`)
    if (!done) throw new Error(['not reconciled yet:', ...left.map((step) => `- ${step}`)].join('\n'))
    console.log('reconciled: `npm run resume -- --why "…"` lets signing go on')
  })
})
