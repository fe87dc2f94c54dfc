import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Of a stack: some 1,500 files, for each of which Node's own `rm` goes through its thread pool twice. */
export async function removeFolder(folder: string): Promise<void> {
  await promisify(execFile)('rm', ['-rf', folder])
}
