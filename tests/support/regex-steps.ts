/**
 * How much work a pattern does on a text: the steps of a backtracking matcher, as the runtime's own is one. Counted and
 * not timed, so the same pattern and text always give the same number.
 */
import { type AST, RegExpParser } from '@eslint-community/regexpp'

type Test = (text: string, at: number) => boolean
type Instruction =
  | { op: 'char'; test: (char: string) => boolean }
  | { op: 'split'; first: number; second: number }
  | { op: 'jump'; to: number }
  | { op: 'assert'; test: Test }
  | { op: 'look'; program: Instruction[]; negate: boolean }
  | { op: 'match' }

interface Compiled {
  program: Instruction[]
  /** Can it match at the start of the text alone? Then the runtime tries nowhere else. */
  anchored: boolean
  unicode: boolean
}

export interface Counted {
  steps: number
  /** Where it matched, or -1: what the runtime found must agree, or the count means nothing. */
  index: number
}

export class TooManySteps extends Error {}

/** What 64 KiB may take at 80 steps a character. */
const STEPS_MAX = 5_000_000
const parser = new RegExpParser()
const compiled = new Map<string, Compiled>()

/** Steps from `from` on; a sticky pattern is tried there alone. @throws TooManySteps naming a pattern past all bounds */
export function regexSteps(pattern: RegExp, text: string, from: number): Counted {
  const name = `/${pattern.source}/${pattern.flags}`
  const machine = compiled.get(name) ?? compile(pattern)
  compiled.set(name, machine)
  const counter = { steps: 0, name }
  const last = pattern.sticky ? from : machine.anchored ? 0 : text.length
  for (let at = from; at <= last; at += 1) {
    counter.steps += 1
    if (run(machine.program, text, at, machine.unicode, counter)) return { steps: counter.steps, index: at }
  }
  return { steps: counter.steps, index: -1 }
}

function run(
  program: Instruction[],
  text: string,
  from: number,
  unicode: boolean,
  counter: { steps: number; name: string },
): boolean {
  const waiting: [pc: number, at: number][] = [[0, from]]
  for (let state = waiting.pop(); state; state = waiting.pop()) {
    let [pc, at] = state
    for (let alive = true; alive;) {
      counter.steps += 1
      if (counter.steps > STEPS_MAX)
        throw new TooManySteps(`${counter.name} takes more than ${STEPS_MAX} steps`)
      const step = program[pc]!
      if (step.op === 'match') return true
      if (step.op === 'jump') pc = step.to
      else if (step.op === 'split') {
        waiting.push([step.second, at])
        pc = step.first
      } else if (step.op === 'char') {
        const char = charAt(text, at, unicode)
        alive = char !== '' && step.test(char)
        at += char.length
        pc += 1
      } else {
        alive =
          step.op === 'assert'
            ? step.test(text, at)
            : run(step.program, text, at, unicode, counter) !== step.negate
        pc += 1
      }
    }
  }
  return false
}

const charAt = (text: string, at: number, unicode: boolean): string =>
  at >= text.length ? '' : unicode ? String.fromCodePoint(text.codePointAt(at)!) : text.charAt(at)

function compile({ source, flags, unicode, multiline }: RegExp): Compiled {
  const tree = parser.parsePattern(source, 0, source.length, { unicode })
  const program: Instruction[] = []
  alternatives(tree.alternatives, { program, flags, multiline })
  program.push({ op: 'match' })
  const anchored =
    !multiline &&
    tree.alternatives.every(({ elements: [first] }) => first?.type === 'Assertion' && first.kind === 'start')
  return { program, anchored, unicode }
}

interface Target {
  program: Instruction[]
  flags: string
  multiline: boolean
}

function alternatives(list: AST.Alternative[], target: Target): void {
  const { program } = target
  const ends: { op: 'jump'; to: number }[] = []
  for (const [at, alternative] of list.entries()) {
    const isLast = at === list.length - 1
    const split = { op: 'split' as const, first: program.length + 1, second: 0 }
    if (!isLast) program.push(split)
    for (const element of alternative.elements) node(element, target)
    if (!isLast) {
      const end = { op: 'jump' as const, to: 0 }
      program.push(end)
      ends.push(end)
      split.second = program.length
    }
  }
  for (const end of ends) end.to = program.length
}

function node(element: AST.Element, target: Target): void {
  const { program } = target
  switch (element.type) {
    case 'Group':
    case 'CapturingGroup':
      return alternatives(element.alternatives, target)
    case 'Quantifier':
      return quantifier(element, target)
    case 'Assertion':
      return void program.push(assertion(element, target))
    case 'Character':
    case 'CharacterSet':
    case 'CharacterClass':
      return void program.push({ op: 'char', test: charTest(element.raw, target.flags) })
    case 'Backreference':
    case 'ExpressionCharacterClass':
      throw new Error(`regex-steps knows no ${element.type}: teach it`)
  }
}

function quantifier({ element, min, max, greedy }: AST.Quantifier, target: Target): void {
  const { program } = target
  for (let times = 0; times < min; times += 1) node(element, target)
  const loops = max === Infinity
  const splits: { op: 'split'; first: number; second: number }[] = []
  for (let times = min; times < (loops ? min + 1 : max); times += 1) {
    const start = program.length
    const split = { op: 'split' as const, first: start + 1, second: start + 1 }
    program.push(split)
    splits.push(split)
    node(element, target)
    if (loops) program.push({ op: 'jump', to: start })
  }
  for (const split of splits) split[greedy ? 'second' : 'first'] = program.length
}

function assertion(element: AST.Assertion, { flags, multiline }: Target): Instruction {
  const isWord = (text: string, at: number) => /\w/.test(text.charAt(at))
  const isLineEnd = (char: string) => /[\n\r\u2028\u2029]/.test(char)
  switch (element.kind) {
    case 'start':
      return {
        op: 'assert',
        test: (text, at) => at === 0 || (multiline && isLineEnd(text.charAt(at - 1))),
      }
    case 'end':
      return {
        op: 'assert',
        test: (text, at) => at === text.length || (multiline && isLineEnd(text.charAt(at))),
      }
    case 'word':
      return {
        op: 'assert',
        test: (text, at) => (isWord(text, at - 1) !== isWord(text, at)) !== element.negate,
      }
    case 'lookahead': {
      const program: Instruction[] = []
      alternatives(element.alternatives, { program, flags, multiline })
      program.push({ op: 'match' })
      return { op: 'look', program, negate: element.negate }
    }
    case 'lookbehind':
      throw new Error(`regex-steps knows no ${element.kind}: teach it`)
  }
}

/** Asks the runtime itself about one character, once per character. */
function charTest(raw: string, flags: string): (char: string) => boolean {
  const whole = new RegExp(`^(?:${raw})$`, flags.replace(/[gy]/g, ''))
  const known = new Map<string, boolean>()
  return (char) => {
    const answer = known.get(char) ?? whole.test(char)
    known.set(char, answer)
    return answer
  }
}
