import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectRoot } from '../scripts/stack/manifest.ts'

const DOCUMENTS = [
  'README.md',
  'functions/README.md',
  'scripts/README.md',
  'scripts/bench/README.md',
  'tests/README.md',
  '.github/CHANGELOG.md',
  '.github/SECURITY.md',
]
const textOf = (file: string): string => readFileSync(join(projectRoot, file), 'utf8')
const withoutCode = (text: string): string => text.replace(/^ *```[^]*?^ *```$/gm, '')

/** As GitHub makes them of headings. */
const anchorsOf = (file: string): string[] =>
  [...withoutCode(textOf(file)).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

/** Links of a document that lead nowhere. */
function brokenLinks(file: string): string[] {
  const links = [...withoutCode(textOf(file)).matchAll(/\]\(([^)]+)\)/g)].map(([, link = '']) => link)
  return links.filter((link) => {
    if (/^https?:/.test(link)) return false
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? file : normalize(join(dirname(file), path))
    if (!existsSync(join(projectRoot, target))) return true
    return anchor !== undefined && !anchorsOf(target).includes(anchor)
  })
}

const filesBelow = (folder: string): string[] =>
  readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|sql)$/.test(name))
    .map((name) => textOf(join(folder, name)))

describe('the documents', () => {
  test.each(DOCUMENTS)('have no link that leads nowhere (%s)', (file) => {
    expect(brokenLinks(file)).toEqual([])
  })

  test('name every command of package.json, so that none has to be found by reading it', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }
    const page = textOf('scripts/README.md')
    const told = (name: string) =>
      page.includes(`npm run ${name}`) || page.includes(`npm ${name}\``) || page.includes(`\`${name}\``)
    expect(Object.keys(scripts).filter((name) => !told(name))).toEqual([])
  })

  test('say of every alert that the ledger raises by name what it asks of a person', () => {
    const raised = filesBelow('db/ledger').flatMap((text) =>
      [
        ...text.matchAll(
          /raise_alert\((?:[^;()]|\([^()]*\))*?, '([a-z_]+)',\s*(?:jsonb_build_object|to_jsonb|v_detail|\(select)/g,
        ),
      ].map(([, kind = '']) => kind),
    )
    const bySettle = filesBelow('functions/_lib/settle').flatMap((text) =>
      [...text.matchAll(/raise(?:Alert|OfVault|OfNodes)\([a-z.]+, '([a-z_]+)'/g)].map(
        ([, kind = '']) => kind,
      ),
    )
    expect([raised.length > 15, bySettle.length > 5]).toEqual([true, true])
    const page = textOf('scripts/README.md')
    const entries = [...page.matchAll(/^- \*\*(`[^*]+`)\*\*/gm)].map(([, kinds]) => kinds).join()
    expect([...new Set([...raised, ...bySettle])].filter((kind) => !entries.includes(`\`${kind}\``))).toEqual(
      [],
    )
  })

  test('have each decision about an alert that the command takes', () => {
    const usage = [...textOf('scripts/alerts.ts').matchAll(/npm run alerts -- ([a-z-]+) [<…]/g)]
    const decisions = usage.map(([, decision = '']) => decision)
    expect(decisions.length).toBeGreaterThan(10)
    const page = textOf('scripts/README.md')
    expect(decisions.filter((decision) => !page.includes(`| \`${decision} <`))).toEqual([])
  })
})
