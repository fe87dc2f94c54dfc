/** `npm run pause -- --why "…"` stops the signing of withdrawals, `npm run resume -- --why "…"` lets it go on. */
import './stack/forget-shell.ts'
import { argumentsOf, command, UsageError } from './stack/command.ts'
import { asOwner } from './stack/owner.ts'

await command(async () => {
  const [, , verb = 'pause', ...args] = process.argv
  const usage = `usage: npm run ${verb} -- --why "the reason, for whoever reads it later"`
  if (verb !== 'pause' && verb !== 'resume') throw new UsageError('usage: pause.ts pause|resume --why "…"')
  const { values } = argumentsOf({ usage, options: { why: { type: 'string' } }, args })
  const why = values.why?.trim()
  if (!why) throw new UsageError(usage)
  await asOwner(async (query) => {
    if (verb === 'pause') {
      await query('select ledger.pause_withdrawals($1)', [`operator: ${why}`])
      console.log('withdrawals are paused: nothing is signed; payments and expiries go on being settled')
      return
    }
    const [row] = await query<{ resumed: boolean }>('select ledger.resume_withdrawals($1) as resumed', [why])
    console.log(row?.resumed ? 'withdrawals are resumed' : 'withdrawals were not paused')
  })
})
