/** For test files that talk to the stack. */
import whole from '../vitest.config.ts'
import { AsListed } from './as-listed.ts'

export default {
  test: { ...whole.test, globalSetup: ['tests/mutants/stack-setup.ts'], sequence: { sequencer: AsListed } },
}
