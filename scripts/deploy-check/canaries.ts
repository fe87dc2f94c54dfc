/**
 * Canaries: values that stand where a developer's machine has its secrets while a bundle is made. Each is known, so
 * whatever would be uploaded or was printed can be searched for it.
 */
import { randomBytes } from 'node:crypto'
import { cp, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { eachJob, loginOf } from '../../db/logins.ts'
import { EVERY_SECRET } from './secrets.ts'
import { projectRoot, type LocalSecrets, type Manifest } from '../stack/manifest.ts'

/** Short: wrangler prints no more than 37 characters of a variable. */
const MARK = /cnry[0-9a-f]{8}/g
const newMark = (): string => `cnry${randomBytes(4).toString('hex')}`

export interface Planted {
  /** wrangler.toml of the copy. */
  config: string
  /** For the environment of each build. */
  env: Record<string, string>
  /** Which secret each mark stands for. */
  marks: ReadonlyMap<string, string>
}

/**
 * A copy of the project as it lies on the machine of somebody who runs the local stack and deploys: every secret is in
 * the files that wrangler reads, in those of the local stack, and in `env`. The real ones are not copied.
 */
export async function plantCanaries(folder: string, envNames: readonly string[]): Promise<Planted> {
  const marks = new Map<string, string>()
  const markOf = (secret: string): string => {
    const mark = newMark()
    marks.set(mark, secret)
    return mark
  }
  const variables = Object.fromEntries(EVERY_SECRET.map((name) => [name, valueOf(name, markOf(name))]))
  const lines = Object.entries(variables).map(([name, value]) => `${name}='${value}'\n`)
  const suffixes = ['', '.local', ...envNames.map((name) => `.${name}`)]
  const files = {
    ...Object.fromEntries(
      suffixes.flatMap((end) => [`.env${end}`, `.dev.vars${end}`].map((one) => [one, lines.join('')])),
    ),
    '.local/functions.json': JSON.stringify(variables),
    ...localFiles(markOf),
  }
  await copyProject(folder)
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  const env = { ...variables, CLOUDFLARE_API_TOKEN: markOf('CLOUDFLARE_API_TOKEN') }
  return { config: join(folder, 'wrangler.toml'), env, marks }
}

/** Shaped like the real one: a build may look at it. */
function valueOf(name: string, mark: string): string {
  if (name.endsWith('_DATABASE_URL'))
    return `postgresql://tidegate_${name.split('_')[0]?.toLowerCase()}:${mark}@127.0.0.1:5432/tidegate`
  if (name.endsWith('_URL')) return `http://127.0.0.1:1/${mark}`
  if (name === 'JWT_PRIVATE_KEY') return JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x: 'AA', d: mark })
  return mark.padEnd(64, '0')
}

/** What the local stack keeps in its folder. */
function localFiles(markOf: (secret: string) => string): Record<string, string> {
  const mark = (where: string) => markOf(where).padEnd(64, '0')
  const secrets: LocalSecrets = {
    jwtSecret: mark('the local jwtSecret'),
    adminApiKey: mark('the local adminApiKey'),
    passwords: eachJob((job) => mark(`the local login ${loginOf(job)}`)),
  }
  const manifest: Pick<Manifest, 'databaseUrl' | 'accounts'> = {
    databaseUrl: valueOf('OWNER_DATABASE_URL', markOf('the local owner’s password')),
    accounts: [{ address: '0x00', privateKey: mark('a local account’s key') }],
  }
  return {
    '.local/secrets.json': JSON.stringify(secrets),
    '.local/dev.json': JSON.stringify(manifest),
    '.local/kms.key': JSON.stringify({ keyId: 'local', privateKey: mark('the local KMS key') }),
  }
}

const isCopied = (path: string): boolean =>
  !relative(projectRoot, path)
    .split(/[\\/]/)
    .some((part) => part.startsWith('.') || part === 'node_modules' || part === 'dist')

/** The sources without anything hidden or made; what is installed is linked. */
export async function copyProject(folder: string): Promise<void> {
  await cp(projectRoot, folder, { recursive: true, filter: isCopied })
  await symlink(join(projectRoot, 'node_modules'), join(folder, 'node_modules'), 'junction')
}

/** The secrets whose values are in a text. */
export function secretsFound(text: string, marks: Planted['marks']): string[] {
  const found = [...text.matchAll(MARK)].flatMap(([mark]) => marks.get(mark) ?? [])
  return [...new Set(found)].sort()
}

export interface Search {
  /** All files that were looked through, as paths in the folder. */
  files: string[]
  /** One line for each secret in each file that has it. */
  faults: string[]
}

/** Looks through every file below a folder. */
export async function searchFolder(folder: string, marks: Planted['marks']): Promise<Search> {
  const search: Search = { files: [], faults: [] }
  for (const path of (await readdir(folder, { recursive: true })).sort()) {
    const file = join(folder, path)
    if (!(await stat(file)).isFile()) continue
    search.files.push(path)
    const found = secretsFound(await readFile(file, 'utf8'), marks)
    search.faults.push(...found.map((secret) => `${path}: has the value of ${secret}`))
  }
  return search
}
