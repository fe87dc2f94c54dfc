/** For test files that start stacks of their own. */
import whole from '../vitest.config.ts'
import { AsListed } from './as-listed.ts'

export default {
  test: { ...whole.test, globalSetup: ['tests/mutants/bundle-setup.ts'], sequence: { sequencer: AsListed } },
}
