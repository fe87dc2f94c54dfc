/** What stops one step but not the run: a node that fails, and a row that somebody else has locked. */
import { DatabaseError } from '../../../db/errors.ts'
import { BudgetSpent, ChainError, NodesDisagree } from '../chain/fault.ts'
import { logFailure } from '../log.ts'
import { raiseOfNodes } from './alerts.ts'
import type { Run } from './context.ts'

/** A node's fault ends the step and is an alert; nothing was decided on what it did not say. */
export async function followed<T>(run: Run, step: () => Promise<T>): Promise<T | undefined> {
  try {
    return await step()
  } catch (error) {
    if (error instanceof BudgetSpent) {
      if (run.summary.outcome === 'ok') run.summary.outcome = 'budget'
      return undefined
    }
    if (!(error instanceof ChainError || error instanceof NodesDisagree)) throw error
    logFailure('settle', error)
    if (error instanceof NodesDisagree) {
      run.summary.outcome = 'nodes_disagree'
      await raiseOfNodes(run, 'nodes_disagree', { answer: error.answer, nodes: error.nodes })
      return undefined
    }
    run.summary.outcome = 'rpc_unavailable'
    const { fault, method, node } = error
    await raiseOfNodes(run, 'rpc_unavailable', { fault, method, node })
    return undefined
  }
}

/**
 * Somebody holds an account's rows for long: the batch was rolled back and waits a minute, and the run goes on. Who holds them for
 * ever must be heard of, so it says so at its end.
 */
export function waits(run: Run, error: unknown): void {
  if (!(error instanceof DatabaseError && error.busy)) throw error as Error
  run.undone ??= error
}
