/**
 * Every list of planted faults. To add one: write into its area's list the text that is changed (it must stand there once),
 * what it becomes, what would go wrong for whom, and the test file that must notice, the cheapest that can: one without a
 * stack takes seconds. `npm run mutants:suggest -- <file.ts>` prints candidates; `npm run mutants -- --only <area>-<n>`
 * shows that it is caught. One that is missed asks for a test; one that changes nothing goes to `equivalent`, with the reason.
 */
import type { Area } from './fault.ts'
import { amounts } from './lists/amounts.ts'
import { defaults } from './lists/defaults.ts'
import { http } from './lists/http.ts'
import { limits } from './lists/limits.ts'
import { logins } from './lists/logins.ts'
import { outcome } from './lists/outcome.ts'
import { sessions } from './lists/sessions.ts'
import { settle } from './lists/settle.ts'
import { signer } from './lists/signer.ts'
import { stream } from './lists/stream.ts'
import { verbs } from './lists/verbs.ts'
import { wallets } from './lists/wallets.ts'
import { withdrawals } from './lists/withdrawals.ts'

export const AREAS: Area[] = [
  amounts,
  defaults,
  http,
  limits,
  logins,
  outcome,
  sessions,
  settle,
  signer,
  stream,
  verbs,
  wallets,
  withdrawals,
]
