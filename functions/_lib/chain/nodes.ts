/**
 * The nodes of the chain, in the order of RPC_URL: the first one that answers well is used, the others when it fails. With
 * RPC_QUORUM an answer counts only when so many nodes give it.
 */
import { ChainError, NodesDisagree } from './fault.ts'
import { EnvironmentError } from '../env-read.ts'
import { RPC_TIMEOUT_MS } from '../limits.ts'
import { connectNode, type NodeOptions, type RpcNode } from './node.ts'

export interface NodesEnv {
  RPC_URL: string[]
  RPC_QUORUM: number
}
type Vet = (node: RpcNode) => Promise<void>

export interface Nodes {
  readonly all: readonly RpcNode[]
  readonly quorum: number
  readonly spent: { requests: number }
  /** The newest failure of each node that failed, by its number. */
  readonly failures: ReadonlyMap<number, ChainError>
  firstFailure(): ChainError
  /** Answers that differed, also where enough nodes agreed in the end. */
  readonly disagreements: readonly NodesDisagree[]
  /** Those to be asked, the ones that have not failed first. */
  order(): RpcNode[]
  /** From now on that one of them is asked first; 0 is the order of RPC_URL. */
  beginWith(place: number): void
  failed(error: ChainError, node: RpcNode): void
  /** From now on each node but these is looked at by `vet` before its first answer counts. */
  trust(nodes: readonly RpcNode[], vet: Vet): void
  /**
   * Asks one node after another until enough of them agree.
   *
   * @param kind what is asked for, as an alert is to name it
   * @param alike what of an answer must be the same
   * @throws ChainError, NodesDisagree, BudgetSpent, and whatever else the question throws
   */
  agree<T>(kind: string, question: (node: RpcNode) => Promise<T>, alike?: (answer: T) => unknown): Promise<T>
}

/** @throws EnvironmentError when more nodes are to agree than there are */
export function connectNodes(env: NodesEnv, options: NodeOptions): Nodes {
  const quorum = env.RPC_QUORUM
  if (quorum > env.RPC_URL.length) throw new EnvironmentError('bad or missing configuration: RPC_QUORUM')
  const all = env.RPC_URL.map((url, at) => connectNode(at + 1, url, options))
  const failures = new Map<number, ChainError>()
  const disagreements: NodesDisagree[] = []
  const trusted = new Set<RpcNode>()
  let vet: Vet = async () => {}

  let first = 0
  const order = () => {
    const turned = [...all.slice(first), ...all.slice(0, first)]
    return [
      ...turned.filter((node) => !failures.has(node.number)),
      ...turned.filter((node) => failures.has(node.number)),
    ]
  }
  const failed = (error: ChainError, node: RpcNode) => {
    failures.set(node.number, new ChainError(error.fault, error.method, node.number))
  }
  /** Of those there are, the one that an operator would look at first. */
  const firstFailure = () => [...failures.values()].sort((a, b) => a.node - b.node)[0] as ChainError
  const agree: Nodes['agree'] = async (kind, question, alike = (answer) => answer) => {
    const given: { node: number; text: string; answer: Awaited<ReturnType<typeof question>> }[] = []
    const ask = async (node: RpcNode) => {
      try {
        if (!trusted.has(node)) await vet(node)
        trusted.add(node)
        const answer = await question(node)
        given.push({ node: node.number, text: JSON.stringify(alike(answer)), answer })
      } catch (error) {
        if (!(error instanceof ChainError)) throw error
        failed(error, node)
      }
    }
    const most = () =>
      Math.max(0, ...given.map(({ text }) => given.filter((one) => one.text === text).length))
    const queue = order()
    while (most() < quorum && queue.length > 0) {
      const results = await Promise.allSettled(queue.splice(0, quorum - most()).map(ask))
      for (const result of results) if (result.status === 'rejected') throw result.reason as Error
    }
    const winner = given.find(({ text }) => given.filter((one) => one.text === text).length >= quorum)
    const others = given.filter(({ text }) => text !== (winner ?? given[0])?.text)
    if (others.length > 0) disagreements.push(new NodesDisagree(kind, given.map(({ node }) => node).sort()))
    if (winner) return winner.answer
    if (given.length >= quorum) throw disagreements.at(-1) as Error
    throw firstFailure()
  }
  return {
    ...{ all, quorum, spent: options.spent, failures, firstFailure, disagreements, order, failed, agree },
    beginWith: (place) => void (first = place),
    trust: (nodes, by) => {
      for (const node of nodes) trusted.add(node)
      vet = by
    },
  }
}

/** For one request: it has an answer within RPC_TIMEOUT_MS, which the nodes that may be asked one after another share. */
export function connectNodesOfRequest(env: NodesEnv): Nodes {
  const turns = Math.max(1, env.RPC_URL.length - env.RPC_QUORUM + 1)
  const timeoutMs = Math.floor(RPC_TIMEOUT_MS / turns)
  return connectNodes(env, { timeoutMs, spent: { requests: 0 }, mayAsk: () => true })
}
