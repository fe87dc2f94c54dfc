/** An upload of a Worker as wrangler sends it: a multipart form of `metadata` and modules. */
import { exportsOf } from '../module-exports.ts'
import type { Migration } from '../wrangler-config.ts'
import type { Binding, Module, ScriptSettings } from './account.ts'
import { badRequest } from './refusal.ts'

export type SentBinding = Binding | { type: 'inherit'; name: string; old_name?: string }

export interface Metadata {
  main_module: string
  bindings: SentBinding[]
  compatibility_date?: string
  compatibility_flags?: string[]
  migrations?: { old_tag?: string; new_tag: string; steps: Omit<Migration, 'tag'>[] }
  keep_bindings?: string[]
  placement?: { mode?: string }
  annotations?: Record<string, string | undefined>
  observability?: ScriptSettings['observability']
  logpush?: boolean
  tail_consumers?: unknown[]
}

export interface Upload {
  metadata: Metadata
  modules: Module[]
  /** Of the main module. */
  exports: string[]
}

const INVALID = 10021
/** Of the paid plan; the free plan takes 3 MB. */
const GZIP_BYTES_MAX = 10_000_000

/** @throws Refusal 10021 where it is no Worker at all, 10027 where it is too large */
export async function readUpload(body: Buffer, contentType: string): Promise<Upload> {
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } })
    .formData()
    .catch(() => {
      throw badRequest(INVALID, 'the body is not a multipart form')
    })
  const metadata = metadataOf(await textOf(form.get('metadata')))
  const modules: Module[] = []
  for (const [name, part] of form) {
    if (name === 'metadata' || typeof part === 'string') continue
    modules.push({ name, content: Buffer.from(await part.arrayBuffer()), type: part.type })
  }
  const main = modules.find(({ name }) => name === metadata.main_module)
  if (!main) throw badRequest(INVALID, `No such module "${metadata.main_module}".`)
  if (modules.reduce((bytes, { content }) => bytes + content.length, 0) > 5 * GZIP_BYTES_MAX)
    throw badRequest(10027, 'Your Worker exceeded the size limit of 10 MB.')
  const exports = await exportsOf(main.content.toString()).catch((error: unknown) => {
    throw badRequest(INVALID, `Uncaught SyntaxError: ${(error as Error).message.split('\n')[1] ?? ''}`)
  })
  if (!exports.includes('default') && exports.length === 0)
    throw badRequest(10068, 'The uploaded script has no registered event handlers.')
  return { metadata, modules, exports }
}

const textOf = async (part: FormDataEntryValue | null): Promise<string> =>
  part === null || typeof part === 'string' ? (part ?? '') : await part.text()

function metadataOf(text: string): Metadata {
  let metadata: Partial<Metadata>
  try {
    metadata = JSON.parse(text) as Partial<Metadata>
  } catch {
    throw badRequest(INVALID, 'metadata is not JSON')
  }
  if (typeof metadata.main_module !== 'string')
    throw badRequest(INVALID, 'only Workers made of modules are served here: main_module is missing')
  const { compatibility_date: date } = metadata
  if (date !== undefined && !(Date.parse(date) <= Date.now()))
    throw badRequest(INVALID, `Can't set compatibility date in the future: ${date}`)
  return { ...metadata, main_module: metadata.main_module, bindings: metadata.bindings ?? [] }
}
