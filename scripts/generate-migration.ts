/**
 * Writes the next migrations from the sources: `npm run db:generate -- <name>`.
 *
 * Tables come from db/schema.ts by drizzle-kit; verbs come from db/ledger/*.sql, of which every file whose text differs
 * from its newest copy in db/migrations goes, whole, into one custom migration. `--check` writes nothing and exits 1 when
 * the migrations lag behind the verbs.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const migrations = join(root, 'db/migrations')
const verbs = join(root, 'db/ledger')
const BREAK = '--> statement-breakpoint'
const marker = (file: string) => `-- source: db/ledger/${file}`

function drizzleKit(...args: string[]): void {
  execFileSync(
    'node',
    [join(root, 'node_modules/drizzle-kit/bin.cjs'), 'generate', '--config', 'db/drizzle.config.ts', ...args],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
  )
}

const sqlFiles = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()

/** The newest text of each verb file that a migration carries. */
export function migratedVerbs(): Map<string, string> {
  const newest = new Map<string, string>()
  for (const name of sqlFiles(migrations)) {
    for (const part of readFileSync(join(migrations, name), 'utf8').split(BREAK)) {
      const match = /^\s*-- source: db\/ledger\/(\S+)\n/.exec(part)
      if (match?.[1]) newest.set(match[1], part.slice(match[0].length).trim())
    }
  }
  return newest
}

export function changedVerbs(): string[] {
  const migrated = migratedVerbs()
  return sqlFiles(verbs).filter(
    (name) => readFileSync(join(verbs, name), 'utf8').trim() !== migrated.get(name),
  )
}

function writeVerbs(name: string, changed: string[]): void {
  drizzleKit('--custom', '--name', name)
  const target = sqlFiles(migrations).at(-1)
  if (!target?.endsWith(`${name}.sql`)) throw new Error(`drizzle-kit did not write a migration named ${name}`)
  const parts = changed.map((file) => `${marker(file)}\n${readFileSync(join(verbs, file), 'utf8').trim()}\n`)
  // A new function is PUBLIC's to execute until this; grants to the edge's roles stand in the verb files themselves.
  parts.push('revoke all on all functions in schema ledger from public;\n')
  writeFileSync(join(migrations, target), parts.join(`${BREAK}\n\n`))
}

if (process.argv[1]?.endsWith('generate-migration.ts')) {
  const arg = process.argv[2]
  const changed = changedVerbs()
  if (arg === '--check') {
    if (changed.length > 0) {
      console.error(`not in a migration yet: ${changed.join(', ')} (npm run db:generate -- <name>)`)
      process.exit(1)
    }
    console.log('migrations carry every verb as it stands in db/ledger')
  } else if (!arg || !/^[a-z][a-z0-9_]*$/.test(arg)) {
    console.error('usage: npm run db:generate -- <human_name_in_snake_case>')
    process.exit(2)
  } else {
    drizzleKit('--name', arg)
    if (changed.length > 0) writeVerbs(`${arg}_verbs`, changed)
    console.log(changed.length > 0 ? `verbs: ${changed.join(', ')}` : 'no verb changed')
  }
}
