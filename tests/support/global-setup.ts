import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { bundleFunction } from '../../scripts/stack/bundle.ts'
import { checkInvariants } from '../../scripts/stack/invariants.ts'
import type { Manifest } from '../../scripts/stack/manifest.ts'
import { startStack } from '../../scripts/stack/stack.ts'
import { removeFolder } from './remove-folder.ts'
import { seedIn } from './seed.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    stack: Manifest
    stackFolder: string
    /** All functions in one ES module, as it would be deployed: what each stack of the tests runs. */
    bundle: string
    /** The data that each stack of the tests begins with: `startStack`'s `fleeting`. */
    seed: string
  }
}

/**
 * One whole stack for the test files that only talk to it. After the last of them every invariant must still hold:
 * whatever the tests did, in whatever order, they did it to a real ledger.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  return await setupWith(project, async (outdir) => (await bundleFunction({ outdir })).file)
}

/** The same with another way to make the bundle, and the seed where there is one already. */
export async function setupWith(
  project: TestProject,
  bundleIn: (folder: string) => Promise<string>,
  madeSeed?: string,
): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-test-'))
  const bundle = await bundleIn(join(folder, 'bundle'))
  const seed = madeSeed ?? (await seedIn(folder))
  const stack = await startStack({ folder, port: 0, bundle, fleeting: { copyOf: seed } })
  project.provide('stack', stack.manifest)
  project.provide('stackFolder', folder)
  project.provide('bundle', bundle)
  project.provide('seed', seed)
  return async () => {
    try {
      const broken = (await checkInvariants(stack.manifest.databaseUrl)).filter(
        (result) => result.violations > 0,
      )
      if (broken.length > 0) {
        // vitest only logs what a teardown throws: the exit code must say it too.
        process.exitCode = 1
        throw new Error(`the tests left a broken ledger: ${broken.map((result) => result.name).join('; ')}`)
      }
    } finally {
      await stack.stop()
      await removeFolder(folder)
    }
  }
}
