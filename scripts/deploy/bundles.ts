/** The bundles of a run, made by wrangler as it would upload them, two at a time. */
import { join } from 'node:path'
import { bundleFunction } from '../stack/bundle.ts'
import { bundled, type Bundled } from './upload.ts'

const AT_ONCE = 2

/** Function → its bundle. @throws Error with wrangler's words */
export async function makeBundles(
  functions: readonly string[],
  folder: string,
  onDone: (fn: string, done: number) => void,
): Promise<Map<string, Bundled>> {
  const queue = [...functions]
  const bundles = new Map<string, Bundled>()
  const work = async () => {
    for (let fn = queue.shift(); fn !== undefined; fn = queue.shift()) {
      const env = fn === 'index' ? undefined : fn
      const { text } = await bundleFunction({ env, outdir: join(folder, fn) })
      bundles.set(fn, bundled(text))
      onDone(fn, bundles.size)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return bundles
}
