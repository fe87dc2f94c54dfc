/** Looks for the text on which a pattern works hardest: one short unit repeated, since that is what makes a matcher go back. */
import { regexSteps, TooManySteps } from './regex-steps.ts'

const COMMON = [...'aZ0-._/: é']
const LENGTH = 300
/** Twice the text may be twice the work, and a little for how it begins and ends. */
const GROWTH_MAX = 2.3
const SLACK_STEPS = 400

/** The unit whose repetition makes the work grow faster than the text, or undefined when the search found none. */
export function superLinearUnit(pattern: RegExp): string | undefined {
  const letters = [...new Set([...COMMON, ...pattern.source.replace(/\\[a-zA-Z]/g, '')])]
  const units = letters.flatMap((first) => ['', ...letters].map((second) => first + second))
  // A run that a counted quantifier is content with, and what ends it.
  const runs = letters.flatMap((run) => letters.map((end) => run.repeat(8) + end))
  return [...units, ...runs].find((unit) =>
    ['', '\u0001'].some((tail) => {
      const twice = stepsOn(pattern, unit.repeat((2 * LENGTH) / unit.length) + tail)
      // Whatever it was once.
      if (twice <= SLACK_STEPS) return false
      const once = stepsOn(pattern, unit.repeat(LENGTH / unit.length) + tail)
      return twice === Infinity || twice > GROWTH_MAX * once + SLACK_STEPS
    }),
  )
}

function stepsOn(pattern: RegExp, text: string): number {
  try {
    return regexSteps(pattern, text, 0).steps
  } catch (error) {
    if (error instanceof TooManySteps) return Infinity
    throw error
  }
}
