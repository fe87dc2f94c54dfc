/** What `wrangler deploy` would upload, made without a network: for deploy:check and for running it on raw workerd. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { projectRoot } from './manifest.ts'

export interface Bundle {
  /** The ES module as it would be uploaded, and the folder it lies in. */
  file: string
  text: string
  bytes: number
  gzipBytes: number
}

export interface BundleOptions {
  /** `[env.<name>]`; the gateway at the top without it. */
  env?: string | undefined
  outdir: string
  config?: string
}

/** So that wrangler asks nobody and says nothing that is not about the bundle. */
export const QUIET_WRANGLER = {
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_SEND_ERROR_REPORTS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  NO_COLOR: '1',
  // Each start of wrangler compiles 15 MB of code: kept, that is a quarter less of CPU time.
  NODE_COMPILE_CACHE: join(projectRoot, 'node_modules/.cache/wrangler'),
}

/** @throws Error with wrangler's words when it does not bundle */
export async function bundleFunction(options: BundleOptions): Promise<Bundle> {
  const config = options.config ?? join(projectRoot, 'wrangler.toml')
  const wrangler = join(projectRoot, 'node_modules/wrangler/bin/wrangler.js')
  const args = ['deploy', '--dry-run', '--minify', '--config', config, '--outdir', options.outdir]
  await run([wrangler, ...args, '--env', options.env ?? ''], dirname(config))
  const names = (await readdir(options.outdir)).filter((name) => name.endsWith('.js'))
  const file = names.find((name) => existsSync(join(options.outdir, `${name}.map`))) ?? names[0]
  if (!file) throw new Error(`wrangler wrote no module for ${options.env ?? 'the gateway'}`)
  const text = await readFile(join(options.outdir, basename(file)), 'utf8')
  const shown = text.replace(/\n\/\/# sourceMappingURL=.*\n?$/, '')
  return {
    file: join(options.outdir, file),
    text: shown,
    bytes: Buffer.byteLength(shown),
    gzipBytes: gzipSync(shown, { level: 9 }).length,
  }
}

async function run(args: string[], cwd: string): Promise<void> {
  const child = spawn(process.execPath, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Built in as a constant: the shell's would give another bundle.
    env: { ...process.env, ...QUIET_WRANGLER, NODE_ENV: 'production' },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (code !== 0) throw new Error(`wrangler exited with ${String(code)}\n${output.trim().slice(-2_000)}`)
}
