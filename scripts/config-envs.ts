/**
 * `npm run config:envs` writes the `[env.<function>]` part of wrangler.toml from what the functions' code declares;
 * `-- --check` changes nothing and exits 1 when the file says otherwise.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OBJECTS, type ObjectName } from '../functions/_lib/http/objects.ts'
import { RATES, type RateName } from '../functions/_lib/limits.ts'
import { declaredBy, functionNames, type Declared } from './deploy-check/declared.ts'
import { requiredSecrets } from './deploy-check/secrets.ts'
import { argumentsOrExit } from './stack/command.ts'
import { projectRoot } from './stack/manifest.ts'

const { values } = argumentsOrExit({
  usage: 'usage: npm run config:envs [-- --check]',
  options: { check: { type: 'boolean', default: false } },
})

const BEGIN =
  '# The functions, each by itself: begin (written by `npm run config:envs`, from what their code declares)\n'
const END = '# The functions, each by itself: end\n'

const quoted = (names: readonly string[]): string => `[${names.map((name) => `"${name}"`).join(', ')}]`

function rateLine(name: RateName): string {
  const { namespaceId, requestsMax, periodSeconds } = RATES[name]
  return `  { name = "${name}", namespace_id = "${namespaceId}", simple = { limit = ${requestsMax}, period = ${periodSeconds} } },`
}

function objectLines(fn: string, name: ObjectName, owners: ReadonlyMap<ObjectName, string>): string[] {
  const owner = owners.get(name)
  return [
    '',
    `[[env.${fn}.durable_objects.bindings]]`,
    `name = "${name}"`,
    `class_name = "${OBJECTS[name]}"`,
    ...(owner === fn ? [] : [`script_name = "tidegate-${owner}"`]),
  ]
}

/** The tag is the gateway's for the same class: wrangler.toml's head. */
const migrationLines = (fn: string, name: ObjectName): string[] => [
  '',
  `[[env.${fn}.migrations]]`,
  `tag = "${name.toLowerCase()}"`,
  `new_sqlite_classes = ["${OBJECTS[name]}"]`,
]

function envOf(fn: string, declared: Declared, owners: ReadonlyMap<ObjectName, string>): string {
  const { crons, objects, owns, rates, secrets } = declared
  const required = requiredSecrets(secrets)
  return [
    `[env.${fn}]`,
    `name = "tidegate-${fn}"`,
    `main = "functions/${fn}.ts"`,
    ...(owns.length > 0 ? [] : ['migrations = []']),
    ...(crons.length > 0 ? [`triggers = { crons = ${quoted(crons)} }`] : []),
    ...(required.length > 0 ? [`secrets = { required = ${quoted(required)} }`] : []),
    ...(rates.length > 0 ? ['ratelimits = [', ...rates.map(rateLine), ']'] : []),
    ...objects.flatMap((name) => objectLines(fn, name, owners)),
    ...owns.flatMap((name) => migrationLines(fn, name)),
    '',
  ].join('\n')
}

const all = new Map<string, Declared>()
for (const fn of functionNames()) all.set(fn, await declaredBy(join(projectRoot, `functions/${fn}.ts`)))
const owners = new Map([...all].flatMap(([fn, { owns }]) => owns.map((name) => [name, fn] as const)))
const envs = [...all].map(([fn, declared]) => envOf(fn, declared, owners)).join('\n')

const file = join(projectRoot, 'wrangler.toml')
const found = readFileSync(file, 'utf8')
const [from, to] = [found.indexOf(BEGIN), found.indexOf(END)]
if (from < 0 || to < 0) throw new Error('wrangler.toml has lost the marks of its generated part')
const wanted = `${found.slice(0, from + BEGIN.length)}\n${envs}\n${found.slice(to)}`
if (!values.check) {
  writeFileSync(file, wanted)
} else if (wanted !== found) {
  console.error('wrangler.toml is not what the functions declare: npm run config:envs')
  process.exit(1)
}
