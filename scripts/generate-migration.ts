/**
 * Writes the next numbered migration from db/schema.ts by drizzle-kit: `npm run db:generate -- <name>`. Verbs need none: `npm
 * run migrate` applies the files of db/ledger whose text changed.
 *
 * `--check` writes nothing and exits 1 when the migrations lag behind db/schema.ts.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { argumentsOrExit } from './stack/command.ts'

const root = join(import.meta.dirname, '..')
const migrations = join(root, 'db/migrations')

const sqlFiles = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.sql'))

function drizzleKit(out: string, name: string): void {
  const kit = join(root, 'node_modules/drizzle-kit/bin.cjs')
  const args = [
    'generate',
    '--dialect',
    'postgresql',
    '--schema',
    './db/schema.ts',
    '--out',
    relative(root, out),
  ]
  execFileSync('node', [kit, ...args, '--name', name], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
}

/** The file that was written into `folder`, if one was. */
function generate(folder: string, name: string): string | undefined {
  const before = new Set(sqlFiles(folder))
  drizzleKit(folder, name)
  const file = sqlFiles(folder).find((each) => !before.has(each))
  if (file === undefined) return undefined
  // drizzle-kit looks for a schema of the name of a domain, and finds "undefined".
  const path = join(folder, file)
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll('"undefined".', ''))
  return file
}

function check(): boolean {
  const copy = mkdtempSync(join(root, 'db/.check-'))
  try {
    cpSync(migrations, copy, { recursive: true })
    const file = generate(copy, 'check')
    if (file !== undefined)
      console.error(
        `no migration has this yet (npm run db:generate -- <name>):\n${readFileSync(join(copy, file), 'utf8')}`,
      )
    else console.log('the migrations carry every table as it stands in db/schema.ts')
    return file === undefined
  } finally {
    rmSync(copy, { recursive: true })
  }
}

const USAGE = 'usage: npm run db:generate -- <human_name_in_snake_case>, or --check'
const { values, words } = argumentsOrExit({
  usage: USAGE,
  options: { check: { type: 'boolean', default: false } },
  words: [0, 1],
})
const [name] = words
if (values.check && name === undefined) {
  process.exit(check() ? 0 : 1)
} else if (values.check || !name || !/^[a-z][a-z0-9_]*$/.test(name)) {
  console.error(USAGE)
  process.exit(2)
} else {
  const file = generate(migrations, name)
  console.log(
    file === undefined ? 'db/schema.ts has nothing new' : `db/migrations/${file}: say why in its first lines`,
  )
}
