/** The ways in which a node fails, sorted by what may be concluded from each. */
import { OwnError } from '../../../db/errors.ts'

/**
 * - `down`: no answer. - `slow`: none in time. - `unreadable`: an answer that is no JSON-RPC (throttled, 5xx, HTML).
 * - `refused`: the node answered with an error, or failed at this call alone; nobody agrees on codes and texts.
 * - `nonsense`: an answer that contradicts itself, the question or the chain.
 */
export type ChainFault = 'down' | 'slow' | 'unreadable' | 'refused' | 'nonsense'

/** Carries no cause: a node's errors repeat its address, which often holds a key, and this one ends in a log. */
export class ChainError extends OwnError {
  constructor(
    readonly fault: ChainFault,
    readonly method: string,
    /** Place in RPC_URL, from 1; 0 until it is known. */
    readonly node = 0,
  ) {
    super(`${method}: ${fault}${node > 0 ? ` (node ${node})` : ''}`)
    this.name = 'ChainError'
  }
}

/** So many nodes answered as were asked for, and not alike: nothing is decided on any of them. */
export class NodesDisagree extends OwnError {
  constructor(
    /** The kind of answer that differs. */
    readonly answer: string,
    readonly nodes: number[],
  ) {
    super(`nodes ${nodes.join(', ')} disagree on ${answer}`)
    this.name = 'NodesDisagree'
  }
}

/** The requests of this run are used up: the rest is for the next one. */
export class BudgetSpent extends OwnError {}
