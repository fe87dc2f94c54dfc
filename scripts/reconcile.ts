/**
 * `npm run reconcile -- --why "…"`: after a restore, books what the chain knows and the ledger has lost, and says what is left
 * to be done before signing may be resumed; exit 1 until nothing is.
 */
import './stack/forget-shell.ts'
import { parseArgs } from 'node:util'
import { asOwner, command } from './stack/owner.ts'

await command(async () => {
  const { values } = parseArgs({ options: { why: { type: 'string' }, by: { type: 'string' } } })
  const [why, by] = [values.why?.trim(), values.by?.trim()]
  if (!why)
    throw new Error(
      'usage: npm run reconcile -- --why "the reason, for whoever reads it later" [--by "your name"]',
    )
  await asOwner(async (query) => {
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
