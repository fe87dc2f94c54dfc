/** Stores what the next run needs: the request sizes that the nodes accept, and whether the cursor keeps up with the chain. */
import { noteReading, type Cursor } from '../../../db/ledger/record-logs.ts'
import type { NodeLimit } from '../../../db/schema.ts'
import { keyOf } from './alerts.ts'
import type { Run } from './context.ts'

/** Goes on with what the nodes were found to take before. */
export function adoptLimits({ nodes }: Run, cursor: Cursor | undefined): void {
  for (const [at, node] of nodes.all.entries()) {
    const limits = cursor?.nodeLimits[at]
    node.batch.adopt(limits?.batch)
    node.range.adopt(limits?.range)
  }
}

/** Keeps what changed: on most runs, with nodes that take everything and a cursor at the final block, there is nothing to say. */
export async function keepReading(run: Run, before: Cursor | undefined): Promise<void> {
  const { final_block: safe, cursor } = run.summary
  if (cursor === null) return
  const limits = run.nodes.all.map(({ batch, range }): NodeLimit => ({
    ...(batch.kept && { batch: batch.kept }),
    ...(range.kept && { range: range.kept }),
  }))
  const behind = safe === null ? undefined : Math.max(safe - cursor, 0)
  const same = sameLimits(limits, before?.nodeLimits ?? [])
  const moved = behind !== undefined && behind !== (before?.behind ?? 0)
  const grows = (!same || moved) && (await noteReading(run.db, run.key, limits, safe ?? undefined))
  if (!grows && behind !== undefined) run.cleared.add(keyOf(run, 'falling_behind'))
}

/** As jsonb keeps them: in any order of the members, and none at all for nodes that take everything. */
function sameLimits(a: NodeLimit[], b: NodeLimit[]): boolean {
  const text = (limits: NodeLimit[], at: number) =>
    JSON.stringify([limits[at]?.batch, limits[at]?.range].map((found) => [found?.size, found?.retry_at]))
  return Array.from({ length: Math.max(a.length, b.length) }, (_, at) => at).every(
    (at) => text(a, at) === text(b, at),
  )
}
