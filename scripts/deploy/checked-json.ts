/** JSON files that a person wrote: read whole, and everything wrong with them told at once, by place. */
import { readFileSync } from 'node:fs'
import * as z from 'zod/mini'

/** Lines for a person, each naming its place. */
export class FileProblems extends Error {
  constructor(
    readonly file: string,
    readonly problems: readonly string[],
  ) {
    super(problems.length === 1 ? `${file}: ${problems[0]}` : `${file}:\n  ${problems.join('\n  ')}`)
  }
}

/** @throws FileProblems where there is no such file or it is not JSON */
export function readJson(file: string): unknown {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new FileProblems(file, [code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`])
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw new FileProblems(file, [`is not JSON: ${(error as Error).message}`])
  }
}

/** @throws FileProblems with every problem */
export function checked<S extends z.ZodMiniType>(file: string, schema: S, value: unknown): z.output<S> {
  const result = z.safeParse(schema, value, { error: z.locales.en().localeError })
  if (result.success) return result.data
  throw new FileProblems(file, result.error.issues.map(lineOf))
}

/** `[2].contract: must be …`, counted from 0 as JSON's readers do. */
function lineOf({ path, message: said }: z.core.$ZodIssue): string {
  const message = said
    .replace(/^Invalid input: expected (.+), received undefined$/, 'is missing ($1)')
    .replace(/^(Invalid input|Too big|Too small): /, '')
  const place = path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .replace(/^\./, '')
  return place === '' ? message : `${place}: ${message}`
}
