/** The functions' bundle, built in a tenth of the time that `wrangler deploy` takes. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { watchFunctions } from '../../scripts/stack/function-sources.ts'
import provideSeed from './seed-setup.ts'

/** Writes it into the folder, and says where it is. */
export async function bundleIn(folder: string): Promise<string> {
  const outfile = join(folder, 'index.js')
  const sources = await watchFunctions({ outfile, onChange: () => undefined, onFault: () => undefined })
  await sources.stop()
  return outfile
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  provideSeed(project)
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-test-'))
  project.provide('bundle', await bundleIn(folder))
  return async () => await rm(folder, { recursive: true, force: true })
}
