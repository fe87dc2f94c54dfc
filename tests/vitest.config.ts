import '../scripts/stack/forget-shell.ts'
import './support/whole-libraries.ts'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './support/longest-first.ts'

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/support/global-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Two cores: more files at once only wait for each other.
    maxWorkers: 2,
    // A green run says nothing; a test that fails shows all that was printed during it.
    silent: 'passed-only',
    slowTestThreshold: 15_000,
    sequence: { sequencer: LongestFirst },
  },
})
