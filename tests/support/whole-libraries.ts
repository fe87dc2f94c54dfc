/**
 * Libraries of hundreds of small files, joined to a few, for the processes of the tests: each of them would load those files
 * anew, and Node reads a library's package.json again for each (drizzle-orm's has 180 kB). What is loaded is the
 * library's own code. Imported by the configuration: the workers, and the commands that they start, load them by light-modules.mjs.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const WHOLE = [
  'viem',
  'viem/accounts',
  'viem/actions',
  'viem/utils',
  'drizzle-orm',
  'drizzle-orm/errors',
  'drizzle-orm/migrator',
  'drizzle-orm/neon-http',
  'drizzle-orm/neon-serverless',
  'drizzle-orm/node-postgres',
  'drizzle-orm/node-postgres/migrator',
  'drizzle-orm/pg-core',
  'zod',
  'zod/mini',
  'hono',
  'hono/cors',
  'hono/secure-headers',
  'hono/utils/url',
  'jose',
  'fast-check',
  '@noble/curves/ed25519.js',
  '@noble/curves/secp256k1.js',
  '@noble/curves/utils.js',
  '@noble/hashes/sha2.js',
  '@noble/hashes/sha3.js',
  '@noble/hashes/utils.js',
  '@scure/base',
]
/** Of these there is one, whoever imports it: their settings and classes are compared. */
const ONE = ['pg', '@neondatabase/serverless', 'ws', 'isows']

const root = fileURLToPath(new URL('../..', import.meta.url))
const entries = WHOLE.map((name) => fileURLToPath(import.meta.resolve(name)))
const lock = readFileSync(join(root, 'package-lock.json'))
const hash = createHash('sha256')
  .update(JSON.stringify(['relative', entries, ONE]))
  .update(lock)
  .digest('hex')
// By its real name: a copy of the project, which lasts for one run, may share what is installed here.
const folder = join(realpathSync(join(root, 'node_modules')), '.cache', `libraries-${hash.slice(0, 16)}`)

if (!existsSync(folder)) await makeIn(folder)
const hook = new URL('./light-modules.mjs', import.meta.url).href
process.env.LIGHT_MODULES = folder
process.env.NODE_OPTIONS = [process.env.NODE_OPTIONS, `--import=${hook}`].join(' ').trim()

/** Several runs may do this at once: each makes a folder of its own, and the rename is atomic. */
async function makeIn(folder: string): Promise<void> {
  const half = `${folder}.${process.pid}`
  mkdirSync(half, { recursive: true })
  await build({
    entryPoints: entries.map((file, at) => ({ in: file, out: String(at) })),
    outdir: half,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // As Node chooses, without what only bundlers ask for.
    conditions: ['node'],
    external: ONE,
  })
  const places = Object.fromEntries(entries.map((file, at) => [pathToFileURL(file).href, `${at}.mjs`]))
  writeFileSync(join(half, 'places.json'), JSON.stringify(places))
  try {
    renameSync(half, folder)
  } catch (error) {
    rmSync(half, { recursive: true })
    if (!existsSync(folder)) throw error
  }
}
