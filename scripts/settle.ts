/** `npm run settle`: one run of the cron function of the local stack, now; prints its summary. */
import './stack/forget-shell.ts'
import { readManifest } from './stack/manifest.ts'
import { argumentsOf, command, notAnswering } from './stack/command.ts'
import { asOwner } from './stack/owner.ts'

const NEWEST = 'select id, summary from settle_runs order by id desc limit 1'

/** Fires the cron and answers what the run did. */
export async function settleNow(settleUrl: string): Promise<Record<string, unknown>> {
  return await asOwner(async (query) => {
    const [before] = await query<{ id: string }>(NEWEST)
    const response = await fetch(settleUrl).catch(() => {
      throw notAnswering('functions')
    })
    if (!response.ok) throw new Error(`settle failed: see .local/functions.log (HTTP ${response.status})`)
    const [after] = await query<{ id: string; summary: Record<string, unknown> }>(NEWEST)
    if (!after || after.id === before?.id) throw new Error('settle failed: see .local/functions.log')
    return after.summary
  })
}

if (process.argv[1]?.endsWith('scripts/settle.ts')) {
  await command(async () => {
    argumentsOf({ usage: 'usage: npm run settle' })
    console.log(JSON.stringify(await settleNow(readManifest().settleUrl)))
  })
}
