/**
 * `npm run config:table` writes the README's configuration table from the schemas in functions/_lib/env.ts;
 * `-- --check` changes nothing and exits 1 when the README says otherwise.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import * as groups from '../functions/_lib/env.ts'
import { projectRoot } from './stack/manifest.ts'

const BEGIN = '<!-- configuration: begin (npm run config:table) -->'
const END = '<!-- configuration: end -->'

interface Described {
  description?: string
  secret?: true
  example?: string
}

/** What happens without the variable: its default, or that nothing starts. */
function absent(schema: z.ZodMiniType, secret: boolean): string {
  const result = z.safeParse(schema, undefined)
  if (!result.success) return 'required'
  if (secret || result.data === undefined || result.data === '') return '–'
  return `\`${JSON.stringify(result.data).replaceAll('"', '')}\``
}

/** Function files that spread a group into their environment. */
function readers(): Map<string, string[]> {
  const files = readdirSync(join(projectRoot, 'functions')).filter(
    (name) => name.endsWith('.ts') && name !== 'index.ts',
  )
  const byGroup = new Map<string, string[]>()
  for (const file of files) {
    const text = readFileSync(join(projectRoot, 'functions', file), 'utf8')
    for (const name of Object.keys(groups)) {
      if (new RegExp(`\\.\\.\\.\\s*${name}\\b`).test(text)) {
        byGroup.set(name, [...(byGroup.get(name) ?? []), file.replace(/\.ts$/, '')])
      }
    }
  }
  return byGroup
}

function table(): string {
  const usedBy = readers()
  const total = Math.max(...[...usedBy.values()].map((files) => files.length))
  const rows = ['| variable | secret | without it | meaning | read by |', '| --- | --- | --- | --- | --- |']
  for (const [group, shape] of Object.entries(groups)) {
    if (typeof shape !== 'object') continue
    const files = usedBy.get(group) ?? []
    const who =
      files.length === total ? 'all' : files.length > 5 ? `${files.length} functions` : files.join(', ')
    for (const [name, schema] of Object.entries(shape as Record<string, z.ZodMiniType>)) {
      const meta = (z.globalRegistry.get(schema) ?? {}) as Described
      const example = meta.example ? ` (e.g. \`${meta.example}\`)` : ''
      rows.push(
        `| \`${name}\` | ${meta.secret ? 'yes' : ''} | ${absent(schema, meta.secret === true)} | ${meta.description ?? ''}${example} | ${who} |`,
      )
    }
  }
  return rows.join('\n')
}

const file = join(projectRoot, 'README.md')
const readme = readFileSync(file, 'utf8')
const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)]
if (from < 0 || to < 0) throw new Error('README.md has lost the markers of the configuration table')
const wanted = `${readme.slice(0, from + BEGIN.length)}\n\n${table()}\n\n${readme.slice(to)}`
const squeezed = (text: string) => text.replace(/[ -]+/g, ' ')
if (!process.argv.includes('--check')) {
  writeFileSync(file, wanted)
} else if (squeezed(wanted) !== squeezed(readme)) {
  console.error('the README’s configuration table is old: npm run config:table')
  process.exit(1)
}
