/** What every command of an operator does alike: its arguments are all understood before anything is done, and a mistake is one line. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'

/** What was typed cannot be meant: nothing was done. Exit code 2. */
export class UsageError extends Error {}
class HelpWanted extends Error {}

/** The stack of `npm run dev`, of which a part does not answer. */
export const notAnswering = (part: string): Error =>
  new Error(`the local stack’s ${part} does not answer; is \`npm run dev\` running?`)

interface Wanted<Options extends ParseArgsOptionsConfig> {
  usage: string
  options?: Options
  /** How many words there may be beside the options: none without it. */
  words?: readonly [least: number, most: number]
  args?: string[]
}

/**
 * What was typed, when every word of it is understood.
 * @throws UsageError for an unknown option, one that is given twice, or a wrong number of words
 */
export function argumentsOf<const Options extends ParseArgsOptionsConfig>({
  usage,
  options = {} as Options,
  words: [least, most] = [0, 0],
  args = process.argv.slice(2),
}: Wanted<Options>) {
  const parsed = (() => {
    try {
      return parseArgs({
        args,
        options: { ...options, help: { type: 'boolean' } },
        allowPositionals: true,
        tokens: true,
      })
    } catch (error) {
      const [said = ''] = (error as Error).message.split('. ')
      const negative = /^Unknown option '-\d/.test(said) && args.find((word) => /^-\d/.test(word))
      throw new UsageError(`${negative ? `${negative}: nothing here may be below zero` : said}\n${usage}`)
    }
  })()
  const { values, positionals: words, tokens } = parsed
  if ((values as { help?: boolean }).help) throw new HelpWanted(usage)
  const named = tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : []))
  const twice = named.find((name, at) => !options[name]?.multiple && named.indexOf(name) !== at)
  if (twice !== undefined) throw new UsageError(`--${twice} is given twice\n${usage}`)
  if (words.length > most) throw new UsageError(`${words[most] ?? ''}: unexpected argument\n${usage}`)
  if (words.length < least) throw new UsageError(usage)
  return { values, words }
}

/**
 * Of a command that has several verbs: are there as many words as this one takes?
 * @param names of the words, as the usage shows them; the last `optional` of them may be left out
 * @throws UsageError that names the word which is missing, or too many
 */
export function checkWords(
  verb: string,
  names: readonly string[],
  words: readonly string[],
  usage: string,
  optional = 0,
): void {
  const over = words[names.length]
  if (over !== undefined) throw new UsageError(`${verb}: ${over} is one word too many\n${usage}`)
  if (words.length < names.length - optional)
    throw new UsageError(`${verb}: ${names[words.length]} is missing\n${usage}`)
}

/** The same for a script that is all one command: it ends here when its arguments are wrong. */
export function argumentsOrExit<const Options extends ParseArgsOptionsConfig>(wanted: Wanted<Options>) {
  try {
    return argumentsOf(wanted)
  } catch (error) {
    if (error instanceof HelpWanted) console.log(error.message)
    else console.error((error as Error).message)
    process.exit(error instanceof HelpWanted ? 0 : 2)
  }
}

/** Runs a command: exit 2 when its arguments are wrong, 1 when it failed, each with one line on stderr. */
export async function command(work: () => Promise<void> | void): Promise<void> {
  // `npm run alerts | head`: who reads has read enough, and what was asked for goes on.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
  try {
    await work()
  } catch (error) {
    if (error instanceof HelpWanted) return console.log(error.message)
    console.error((error as Error).message)
    process.exitCode = error instanceof UsageError ? 2 : 1
  }
}
