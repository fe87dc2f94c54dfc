/**
 * `npm run mutants:suggest -- <file.ts> …`: prints candidates for the lists, made from the operators that matter in code
 * like this: comparison, boundary, negation, and/or, dropped await, dropped guard, swapped argument, default. A person
 * (or nobody) says why one matters and which tests must fail; what changes nothing goes to `equivalent`.
 */
import { readFileSync } from 'node:fs'
import ts from 'typescript'

export interface Candidate {
  operator: string
  line: number
  from: string
  to: string
}

const SWAPS: Partial<Record<ts.SyntaxKind, [operator: string, text: string]>> = {
  [ts.SyntaxKind.LessThanToken]: ['boundary', '<='],
  [ts.SyntaxKind.LessThanEqualsToken]: ['boundary', '<'],
  [ts.SyntaxKind.GreaterThanToken]: ['boundary', '>='],
  [ts.SyntaxKind.GreaterThanEqualsToken]: ['boundary', '>'],
  [ts.SyntaxKind.EqualsEqualsEqualsToken]: ['comparison', '!=='],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken]: ['comparison', '==='],
  [ts.SyntaxKind.AmpersandAmpersandToken]: ['and/or', '||'],
  [ts.SyntaxKind.BarBarToken]: ['and/or', '&&'],
}

interface Edit {
  operator: string
  start: number
  end: number
  text: string
}

function editsOf(node: ts.Node, source: ts.SourceFile): Edit[] {
  const textOf = (part: ts.Node) => part.getText(source)
  const replaced = (operator: string, part: ts.Node, text: string): Edit => ({
    operator,
    start: part.getStart(source),
    end: part.getEnd(),
    text,
  })
  if (ts.isBinaryExpression(node)) {
    const swap = SWAPS[node.operatorToken.kind]
    if (swap) return [replaced(swap[0], node.operatorToken, swap[1])]
    if (node.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken)
      return [replaced('default', node, textOf(node.left))]
  }
  if (ts.isIfStatement(node)) {
    const negated = replaced('negation', node.expression, `!(${textOf(node.expression)})`)
    const leaves = /^\{?\s*(return|throw|continue|break)\b/.test(textOf(node.thenStatement))
    return leaves && !node.elseStatement ? [negated, replaced('dropped guard', node, '')] : [negated]
  }
  if (ts.isExpressionStatement(node) && ts.isAwaitExpression(node.expression))
    return [replaced('dropped await', node.expression, `void ${textOf(node.expression.expression)}`)]
  if (ts.isCallExpression(node) && node.arguments.length >= 2) {
    const [first, second] = node.arguments
    if (first && second && ts.isIdentifier(first) && ts.isIdentifier(second))
      return [
        {
          operator: 'swapped argument',
          start: first.getStart(source),
          end: second.getEnd(),
          text: `${textOf(second)}, ${textOf(first)}`,
        },
      ]
  }
  return []
}

/** The smallest run of whole lines around the edit that stands once in the file. */
function unique(text: string, { start, end, text: insert }: Edit): { from: string; to: string } | undefined {
  let low = text.lastIndexOf('\n', start - 1) + 1
  const newline = text.indexOf('\n', end)
  const high = newline < 0 ? text.length : newline
  for (let tries = 0; tries < 8; tries += 1) {
    const from = text.slice(low, high)
    if (text.split(from).length === 2)
      return { from, to: text.slice(low, start) + insert + text.slice(end, high) }
    low = text.lastIndexOf('\n', low - 2) + 1
  }
  return undefined
}

export function candidates(name: string, text: string): Candidate[] {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.ES2023, true)
  const found: Candidate[] = []
  const visit = (node: ts.Node) => {
    for (const edit of editsOf(node, source)) {
      const place = unique(text, edit)
      const line = source.getLineAndCharacterOfPosition(edit.start).line + 1
      if (place) found.push({ operator: edit.operator, line, ...place })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

if (process.argv[1]?.endsWith('suggest.ts')) {
  const files = process.argv.slice(2)
  if (files.length === 0 || files.some((file) => file.startsWith('-'))) {
    console.error('usage: npm run mutants:suggest -- <file.ts> …')
    process.exit(2)
  }
  for (const file of files)
    for (const { operator, line, from, to } of candidates(file, readFileSync(file, 'utf8')))
      console.log(
        `// ${file}:${line} ${operator}\n${JSON.stringify({ file, from: from.trim(), to: to.trim() })},`,
      )
}
