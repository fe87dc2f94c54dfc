/**
 * `npm run verify`: prints each invariant of the ledger with its count of violations; exit 1 on any.
 * Reads `OWNER_DATABASE_URL` or, without it, the local stack.
 */
import './stack/forget-shell.ts'
import { argumentsOf, command } from './stack/command.ts'
import { checkInvariants } from './stack/invariants.ts'
import { withOwner } from './stack/owner.ts'

await command(async () => {
  argumentsOf({ usage: 'usage: npm run verify' })
  const results = await withOwner(checkInvariants)
  for (const { name, violations } of results) {
    console.log(`${violations === 0 ? 'ok  ' : 'FAIL'} ${String(violations).padStart(6)}  ${name}`)
  }
  const broken = results.filter((result) => result.violations > 0)
  console.log(broken.length === 0 ? 'the ledger is sound' : `${broken.length} invariants are broken`)
  process.exitCode = broken.length === 0 ? 0 : 1
})
