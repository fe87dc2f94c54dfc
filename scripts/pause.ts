/** `npm run pause -- --why "…"` stops the signing of withdrawals, `npm run resume -- --why "…"` lets it go on. */
import './stack/forget-shell.ts'
import { parseArgs } from 'node:util'
import { asOwner, command } from './stack/owner.ts'

await command(async () => {
  const { values, positionals } = parseArgs({ options: { why: { type: 'string' } }, allowPositionals: true })
  const [verb] = positionals
  const why = values.why?.trim()
  if ((verb !== 'pause' && verb !== 'resume') || !why)
    throw new Error(`usage: npm run ${verb ?? 'pause'} -- --why "the reason, for whoever reads it later"`)
  await asOwner(async (query) => {
    if (verb === 'pause') {
      await query('select ledger.pause_withdrawals($1)', [`operator: ${why}`])
      console.log('withdrawals are paused: nothing is signed; payments and expiries go on being settled')
      return
    }
    const [row] = await query<{ resumed: boolean }>('select ledger.resume_withdrawals($1) as resumed', [why])
    console.log(row?.resumed ? 'withdrawals go on' : 'withdrawals were not paused')
  })
})
