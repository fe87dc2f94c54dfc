/** Durable Object classes of a Worker: how an upload's migrations change them, and what is refused. */
import type { Script } from './account.ts'
import { newId } from './account.ts'
import { badRequest, Refusal } from './refusal.ts'
import type { Upload } from './upload.ts'

export type Classes = Script['classes']

/** The classes after the upload. Nothing is changed. @throws Refusal 10070, 10074, 10064 or 10079 */
export function classesAfterUpload(script: Script, { metadata, exports }: Upload): Classes {
  const classes: Classes = new Map(script.classes)
  const { migrations } = metadata
  if (migrations) {
    if ((migrations.old_tag ?? undefined) !== script.migrationTag)
      throw new Refusal(
        412,
        10079,
        `Migration tag precondition failed; current tag is '${script.migrationTag ?? ''}', given '${migrations.old_tag ?? ''}'`,
      )
    for (const step of migrations.steps) applyStep(classes, step, exports)
  }
  for (const name of classes.keys()) {
    if (exports.includes(name)) continue
    throw badRequest(
      10064,
      `New version of script does not export class '${name}' which is depended on by existing Durable Objects.`,
    )
  }
  return classes
}

type Step = NonNullable<Upload['metadata']['migrations']>['steps'][number]

function applyStep(classes: Classes, step: Step, exports: readonly string[]): void {
  const create = (name: string, sqlite: boolean) => {
    if (!exports.includes(name))
      throw badRequest(
        10070,
        `Cannot apply new-class migration to class '${name}' that is not exported by script.`,
      )
    if (classes.has(name))
      throw badRequest(
        10074,
        `Cannot apply new-class migration to class '${name}' that is already depended on by existing Durable Objects.`,
      )
    classes.set(name, { namespaceId: newId(), sqlite })
  }
  for (const name of step.new_classes ?? []) create(name, false)
  for (const name of step.new_sqlite_classes ?? []) create(name, true)
  for (const { from, to } of step.renamed_classes ?? []) {
    const namespace = classes.get(from)
    if (!namespace)
      throw badRequest(10072, `Cannot apply renamed-class migration to unknown class '${from}'.`)
    classes.delete(from)
    classes.set(to, namespace)
  }
  for (const name of step.deleted_classes ?? []) {
    if (!classes.delete(name))
      throw badRequest(10072, `Cannot apply deleted-class migration to unknown class '${name}'.`)
  }
}
