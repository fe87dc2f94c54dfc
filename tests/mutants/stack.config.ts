/** For test files that talk to the stack. */
import whole from '../vitest.config.ts'

export default { test: { ...whole.test, globalSetup: ['tests/mutants/stack-setup.ts'] } }
