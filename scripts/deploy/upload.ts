/** A Worker as wrangler gets it: a configuration of its own beside its bundle, and its secrets through a pipe. */
import { createHash, createHmac } from 'node:crypto'
import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { QUIET_WRANGLER } from '../stack/bundle.ts'
import { projectRoot } from '../stack/manifest.ts'
import type { Deployment } from './settings.ts'
import type { WantedWorker } from './wanted.ts'

export interface Bundled {
  text: string
  /** SHA-256 of the module: the same commit gives the same, wherever it is made. */
  hash: string
}

export const bundled = (text: string): Bundled => ({
  text,
  hash: createHash('sha256').update(text).digest('hex'),
})

/** What the version is made of, without its secrets. */
export function uploadConfig({ name, config, vars }: WantedWorker) {
  const { durable_objects, migrations, ratelimits, placement, observability } = config
  return {
    name,
    main: 'worker.js',
    no_bundle: true,
    compatibility_date: config.compatibility_date,
    compatibility_flags: config.compatibility_flags,
    workers_dev: false,
    preview_urls: false,
    observability,
    ...(placement && { placement }),
    vars,
    durable_objects,
    migrations,
    ratelimits,
    services: config.services ?? [],
  }
}

/** Marks all that a version is made of; the mark of its settings is the end of it. Keyed: it tells nobody anything about a secret. */
export function markOf(deployment: Deployment, worker: WantedWorker, { hash }: Bundled): string {
  const whole = keyed(deployment, 'mark', [hash, uploadConfig(worker), sorted(worker.secrets)])
  return `${whole}-${settingsMark(deployment, worker)}`
}

/** Marks the variables and secrets of a Worker, whatever its bundle is. */
export const settingsMark = (deployment: Deployment, { vars, secrets }: WantedWorker): string =>
  keyed(deployment, 'settings', [sorted(vars), sorted(secrets)])

const sorted = (values: Record<string, string>) => Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))

const keyed = ({ deployKey }: Deployment, what: string, parts: unknown[]): string =>
  createHmac('sha256', deployKey)
    .update(`${what} ${JSON.stringify(parts)}`)
    .digest('hex')
    .slice(0, 32)

/** Cloudflare keeps 100 characters of a message. */
export const MESSAGE = 'deployed by npm run deploy, mark '

/** Runs wrangler's commands for one deployment, in a folder of its own. */
export interface Uploader {
  /** @throws Error with wrangler's words; whether it took effect is then unknown */
  deploy(worker: WantedWorker, bundle: Bundled): Promise<void>
  deleteSecret(worker: string, secret: string): Promise<void>
}

export function uploaderFor(deployment: Deployment, folder: string): Uploader {
  const { settings, apiToken, cloudflareApi } = deployment
  const run = async (args: string[], input = '') => await wrangler(args, folder, apiToken, input)
  return {
    async deploy(worker, bundle) {
      const own = join(folder, worker.name)
      await mkdir(own, { recursive: true })
      await writeFile(join(own, 'worker.js'), bundle.text)
      const config = {
        ...uploadConfig(worker),
        account_id: settings.account,
        routes: worker.routes.map((pattern) => ({ pattern, zone_id: settings.zone })),
        triggers: { crons: worker.crons },
      }
      const file = join(own, 'wrangler.json')
      await writeFile(file, JSON.stringify(config))
      const marked = [
        '--tag',
        bundle.hash.slice(0, 12),
        '--message',
        MESSAGE + markOf(deployment, worker, bundle),
      ]
      await run(
        ['deploy', '--config', file, ...marked, '--secrets-file', '/dev/stdin'],
        JSON.stringify(worker.secrets),
      )
    },
    deleteSecret: async (name, secret) => await run(['secret', 'delete', secret, '--name', name]),
  }

  async function wrangler(args: string[], cwd: string, token: string, input: string): Promise<void> {
    const { PATH = '' } = process.env
    // Through `cat`, so that the secrets are read from a pipe, which no file is left of: node's own is a socket.
    const script = 'cat | exec "$0" "$@"'
    const bin = join(projectRoot, 'node_modules/wrangler/bin/wrangler.js')
    const child = spawn('sh', ['-c', script, process.execPath, bin, ...args], {
      cwd,
      stdio: ['pipe', 'pipe', 'pipe'],
      // Of the shell's own variables nothing else: they are of other projects.
      env: {
        ...QUIET_WRANGLER,
        CI: 'true',
        PATH,
        HOME: cwd,
        WRANGLER_LOG_PATH: join(cwd, 'log'),
        CLOUDFLARE_ACCOUNT_ID: settings.account,
        CLOUDFLARE_API_TOKEN: token,
        CLOUDFLARE_API_BASE_URL: cloudflareApi,
      },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
    if (code !== 0) throw new Error(wordsOf(output))
  }
}

/** What wrangler says went wrong, without its frame, hints and colours. */
export function wordsOf(output: string): string {
  const plain = output.replace(/\u001b\[[0-9;]*m/g, '')
  const [, said = plain] = /\[ERROR\]([\s\S]*)/.exec(plain) ?? []
  const lines = said
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(If you think this is a bug|🪵|Visit |See https)/.test(line))
  return lines.join(' ').slice(0, 600)
}
