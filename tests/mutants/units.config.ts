/** For test files that talk to no stack of all functions: they start in a second. */
import whole from '../vitest.config.ts'
import { AsListed } from './as-listed.ts'

export default {
  test: { ...whole.test, globalSetup: ['tests/mutants/seed-setup.ts'], sequence: { sequencer: AsListed } },
}
