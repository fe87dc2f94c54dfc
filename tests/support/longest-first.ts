import { basename } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take long whatever their size: one of them begun last would run on alone. */
const LONG = [
  'stream-listeners',
  'deploy',
  'settle-limits',
  'settle-coins',
  'settle-load',
  'soak',
  'ledger-chain-properties',
  'withdraw-signer-faults',
  'bounded-work',
  'attack-suite-bodies',
  'settle-faults',
  'settle-several-vaults',
  'settle-other-vault',
  'commands',
  'settle-killed',
  'attack-suite-rates',
  'rate-limit',
  'session-issuers',
  'secrets-by-form',
  'sign-out',
  'subaccount-races',
  'canary-secrets',
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
