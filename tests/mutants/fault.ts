/** A planted fault: a small change that would matter to somebody, and the test files that must notice it. */
import ts from 'typescript'

export interface Fault {
  file: string
  /** Text that stands exactly once in the file. */
  from: string
  to: string
  /** What would go wrong for whom, if this stayed. */
  why: string
  /** Test files; at least one test in them must fail. The likeliest first. */
  tests: string[]
}

export interface Area {
  name: string
  faults: Fault[]
  /** Changes that look like faults and change nothing, each with the reason: they are never planted. */
  equivalent?: { file: string; from: string; to: string; reason: string }[]
}

/** Short and stable as long as the fault itself is: what a sample is drawn by, and what `--only` can name. */
export const nameOf = (area: string, index: number): string => `${area}-${String(index + 1).padStart(2, '0')}`

/**
 * The file with the fault in it.
 * @throws Error when the text is not there exactly once, or what comes out is no TypeScript: that would fail every test
 */
export function planted(text: string, { file, from, to }: Fault): string {
  const at = text.indexOf(from)
  if (at < 0) throw new Error(`${file} no longer has: ${from}`)
  if (text.includes(from, at + 1)) throw new Error(`${file} has more than once: ${from}`)
  if (from === to) throw new Error(`${file}: nothing is changed by: ${from}`)
  const changed = text.slice(0, at) + to + text.slice(at + from.length)
  if (file.endsWith('.ts') && !parses(changed)) throw new Error(`${file}: no TypeScript any more with: ${to}`)
  return changed
}

function parses(text: string): boolean {
  const { diagnostics } = ts.transpileModule(text, {
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ESNext },
  })
  return diagnostics === undefined || diagnostics.length === 0
}
