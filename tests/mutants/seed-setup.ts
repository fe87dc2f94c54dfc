/**
 * The migrated database that all stacks begin from, made once for all faults. A fault in a verb is in it as soon as a stack has
 * started: each start brings its copy up to date with the verbs that it finds.
 */
import type { TestProject } from 'vitest/node'
import { SEED } from './judge.ts'

/** Nothing where somebody runs these tests by hand: then it is made for that run. */
export const madeSeed = (): string | undefined => process.env[SEED]

export default function setup(project: TestProject): void {
  const seed = madeSeed()
  if (seed !== undefined) project.provide('seed', seed)
}
