/** The stack of all tests, with a bundle that is soon there. */
import type { TestProject } from 'vitest/node'
import { setupWith } from '../support/global-setup.ts'
import { bundleIn } from './bundle-setup.ts'
import { madeSeed } from './seed-setup.ts'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  return await setupWith(project, bundleIn, madeSeed())
}
