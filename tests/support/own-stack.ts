import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import type { Rates } from '../../scripts/stack/local-config.ts'
import { startStack, type Stack } from '../../scripts/stack/stack.ts'
import { clientOf, type Client } from './client.ts'
import { removeFolder } from './remove-folder.ts'

/** A stack of a test file's own, for faults and other configurations. Call `stop` in `afterAll`. */
export async function ownStack(
  env: Record<string, string> = {},
  rates: Rates = {},
): Promise<{ stack: Stack; folder: string; client: Client; stop: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-test-'))
  const fleeting = { copyOf: inject('seed') }
  const stack = await startStack({ folder, port: 0, env, rates, bundle: inject('bundle'), fleeting })
  const stop = async () => {
    await stack.stop()
    await removeFolder(folder)
  }
  return { stack, folder, client: clientOf(stack.manifest, folder), stop }
}
