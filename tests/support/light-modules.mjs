/**
 * How a process of the tests loads modules (`NODE_OPTIONS`): the libraries of whole-libraries.ts from where that put them, and our own
 * sources without their types, kept from the last time. A command so starts in a third of the time that tsx takes.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import module from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const folder = process.env.LIGHT_MODULES
const places = new Map(
  Object.entries(JSON.parse(readFileSync(join(folder, 'places.json'), 'utf8'))).map(([url, file]) => [
    url,
    pathToFileURL(join(folder, file)).href,
  ]),
)
const root = new URL('../..', import.meta.url).href

function withoutTypes(source) {
  const kept = join(folder, 'sources', createHash('sha1').update(source).digest('hex'))
  if (existsSync(kept)) return readFileSync(kept, 'utf8')
  const require = module.createRequire(import.meta.url)
  const { code } = require('esbuild').transformSync(source, { loader: 'ts', format: 'esm', target: 'node20' })
  mkdirSync(join(folder, 'sources'), { recursive: true })
  // Several processes may do this at once: each writes its own file, and the rename is atomic.
  const half = `${kept}.${process.pid}`
  writeFileSync(half, code)
  renameSync(half, kept)
  return code
}

module.registerHooks?.({
  resolve(name, context, next) {
    const found = next(name, context)
    const url = places.get(found.url)
    return url === undefined ? found : { url, format: 'module', shortCircuit: true }
  },
  load(url, context, next) {
    if (!url.startsWith(root) || !url.endsWith('.ts')) return next(url, context)
    const source = withoutTypes(readFileSync(fileURLToPath(url), 'utf8'))
    return { format: 'module', source, shortCircuit: true }
  },
})
