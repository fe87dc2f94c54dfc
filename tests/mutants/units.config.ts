/** For test files that talk to no stack: they start in a second. */
import whole from '../vitest.config.ts'

export default { test: { ...whole.test, globalSetup: [] } }
