import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { FILES } from './judge.ts'

/** The likeliest to fail first: a fault is caught by the first test that fails. */
export class AsListed extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const listed = JSON.parse(process.env[FILES] ?? '[]') as string[]
    const place = ({ moduleId, project }: TestSpecification) =>
      listed.indexOf(relative(project.config.root, moduleId))
    return (await super.sort(files)).sort((one, other) => place(one) - place(other))
  }
}
