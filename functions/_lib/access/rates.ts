import type { Rates } from '../http/access.ts'

/** On what calls by a credential that somebody could guess are counted. */
export const GUESSABLE: Rates = {
  address: 'RATE_ADDRESS',
  identity: { reads: 'RATE_READ', writes: 'RATE_WRITE' },
  failures: 'RATE_AUTH_FAILURES',
}
