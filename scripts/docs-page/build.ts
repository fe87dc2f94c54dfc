/** Makes the page's files. Runs in Node, unlike the others of this folder. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

export interface PageFiles {
  html: string
  css: string
  js: string
}

const textOf = (name: string): string => readFileSync(join(import.meta.dirname, name), 'utf8')

export function pageFiles(): PageFiles {
  return { html: textOf('page.html'), css: textOf('page.css'), js: oneScript('app.ts', textOf) }
}

/**
 * A file and all that it imports as one script, imported files first. They share one scope there, so a name stands for
 * the same thing in each of them.
 * @throws Error where two files declare the same name, or one renames what it imports
 */
export function oneScript(entry: string, read: (name: string) => string): string {
  const done = new Set<string>()
  const owners = new Map<string, string>()
  const add = (name: string): string => {
    if (done.has(name)) return ''
    done.add(name)
    const source = ts.createSourceFile(name, withoutTypes(read(name)), ts.ScriptTarget.ES2022)
    const imports = source.statements.filter(ts.isImportDeclaration)
    const before = imports.map((one) => add(importedFile(one, name))).join('')
    for (const declared of source.statements.flatMap(declaredNames)) {
      const owner = owners.get(declared)
      if (owner) throw new Error(`${owner} and ${name} both declare ${declared}: one script has it once`)
      owners.set(declared, name)
    }
    const own = source.statements.filter(
      (one) => !ts.isImportDeclaration(one) && !ts.isExportDeclaration(one),
    )
    return before + own.map((one) => one.getText(source).replace(/^export /, '') + '\n').join('')
  }
  return add(entry)
}

const withoutTypes = (text: string): string =>
  ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022, removeComments: true },
  }).outputText

function importedFile({ moduleSpecifier, importClause }: ts.ImportDeclaration, from: string): string {
  const path = (moduleSpecifier as ts.StringLiteral).text
  const names = importClause?.namedBindings
  const isPlain =
    !importClause?.name &&
    names !== undefined &&
    ts.isNamedImports(names) &&
    names.elements.every(({ propertyName }) => propertyName === undefined)
  if (!isPlain || !path.startsWith('./')) {
    throw new Error(`${from} imports ${path} in a way that one script cannot have: use { names } of ./files`)
  }
  return path.slice('./'.length)
}

function declaredNames(statement: ts.Statement): string[] {
  if (ts.isFunctionDeclaration(statement)) return statement.name ? [statement.name.text] : []
  if (!ts.isVariableStatement(statement)) return []
  return statement.declarationList.declarations.map(({ name }) => (name as ts.Identifier).text)
}
