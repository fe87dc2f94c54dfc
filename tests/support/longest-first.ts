import { basename } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take long whatever their size: one of them begun last would run on alone. */
const LONG = [
  'stream-listeners',
  'deploy',
  'ledger-chain-properties',
  'settle-faults',
  'settle-coins',
  'settle-ranges',
  'soak',
  'bounded-work',
  'settle-limits',
  'distribute',
  'commands',
  'attack-suite-rates',
  'settle-load',
  'settle-other-vault',
  'settle-several-vaults',
  'settle-killed',
  'attack-suite-bodies',
  'secrets-by-form',
  'withdraw-signer-faults',
  'migrate-logins',
  'history',
  'sign-out',
  'canary-secrets',
  'session-issuers',
  'withdraw-chain',
  'stream-sign-in',
  'rate-limit',
  'deep-attacks',
  'subaccount-races',
]

/** Long files first, the others as vitest would have them: what it saw last time, else the largest first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = LONG.indexOf(basename(moduleId, '.test.ts'))
      return at === -1 ? LONG.length : at
    }
    return (await super.sort(files)).sort((one, other) => place(one) - place(other))
  }
}
