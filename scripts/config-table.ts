/**
 * `npm run config:table` writes the configuration table of scripts/README.md from the schemas of the functions’ variables;
 * `-- --check` changes nothing and exits 1 when the page says otherwise.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as prettier from 'prettier'
import * as z from 'zod/mini'
import { declaredBy, functionNames } from './deploy-check/declared.ts'
import { argumentsOrExit } from './stack/command.ts'
import { ENV_GROUPS } from './stack/env-groups.ts'
import { projectRoot } from './stack/manifest.ts'

const { values } = argumentsOrExit({
  usage: 'usage: npm run config:table [-- --check]',
  options: { check: { type: 'boolean', default: false } },
})

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

/** Every function, and which of them read a variable by this schema, as their code declares it. */
async function readers(): Promise<{ functions: string[]; bySchema: Map<unknown, string[]> }> {
  const functions = functionNames()
  const bySchema = new Map<unknown, string[]>()
  for (const fn of functions) {
    const { variables } = await declaredBy(join(projectRoot, `functions/${fn}.ts`))
    for (const schema of Object.values(variables)) bySchema.set(schema, [...(bySchema.get(schema) ?? []), fn])
  }
  return { functions, bySchema }
}

function named(some: readonly string[], all: readonly string[]): string {
  const others = all.filter((fn) => !some.includes(fn))
  if (some.length <= 5) return some.join(', ')
  if (others.length > 2) return `${some.length} functions`
  return others.length === 0 ? 'all' : `all but ${others.join(', ')}`
}

async function table(): Promise<string> {
  const { functions, bySchema } = await readers()
  const rows = ['| variable | secret | without it | meaning | read by |', '| --- | --- | --- | --- | --- |']
  for (const group of ENV_GROUPS) {
    for (const [name, schema] of Object.entries(group)) {
      const meta = (z.globalRegistry.get(schema) ?? {}) as Described
      const who = named(bySchema.get(schema) ?? [], functions)
      const example = meta.example ? ` (e.g. \`${meta.example}\`)` : ''
      rows.push(
        `| \`${name}\` | ${meta.secret ? 'yes' : ''} | ${absent(schema, meta.secret === true)} | ${meta.description ?? ''}${example} | ${who} |`,
      )
    }
  }
  return rows.join('\n')
}

const file = join(projectRoot, 'scripts/README.md')
const page = readFileSync(file, 'utf8')
const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
if (from < 0 || to < 0) throw new Error('scripts/README.md has lost the markers of the configuration table')
const text = `${page.slice(0, from + BEGIN.length)}\n\n${await table()}\n\n${page.slice(to)}`
const wanted = await prettier.format(text, { ...(await prettier.resolveConfig(file)), filepath: file })
if (!values.check) {
  writeFileSync(file, wanted)
} else if (wanted !== page) {
  console.error('scripts/README.md: the configuration table is out of date: npm run config:table')
  process.exit(1)
}
