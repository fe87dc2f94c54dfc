/** What nodes do to the logs they answer with, each of which means the same events. Chances are per answer, from 0 to 1. */
import { upperCase } from './rpc-answer-faults.ts'
import type { FaultContext, RpcReply } from './rpc-faults.ts'

export interface LogFaults {
  /** `logIndex` counts within the transaction instead of within the block. */
  renumberedLogs: number
  /** Every log is there twice. */
  repeatedLogs: number
  /** Of logs that say the same in one transaction, the first is missing. */
  hiddenTwins: number
  /** The answer is cut to its first three logs. */
  cutLogs: number
  /** Logs do not bring the time of their block. */
  untimedLogs: number
  /** The logs are in any order. */
  unsortedLogs: number
  /** Hex digits are in upper case. */
  upperCaseLogs: number
  /** Beside each log there is one that was removed: of the same transaction, in a block that was undone. */
  removedLogs: number
  /** Beside the first log there is the same one in a block that was undone, and nothing says so: the answer means nothing. */
  forkedLogs: number
}
export const NO_LOG_FAULTS: Readonly<LogFaults> = {
  renumberedLogs: 0,
  repeatedLogs: 0,
  hiddenTwins: 0,
  cutLogs: 0,
  untimedLogs: 0,
  unsortedLogs: 0,
  upperCaseLogs: 0,
  removedLogs: 0,
  forkedLogs: 0,
}
interface NodeLog {
  address: string
  transactionHash: string
  blockHash: string
  logIndex: string
  topics: string[]
  data: string
  blockTimestamp?: string
  removed?: boolean
}
const UNDONE = `0x${'de'.repeat(32)}`
type Distortion = (logs: NodeLog[], context: FaultContext) => NodeLog[] | Promise<NodeLog[]>

const DISTORTIONS: Record<keyof LogFaults, Distortion> = {
  // First of all: it asks the node for the transactions by their hashes.
  renumberedLogs: renumbered,
  hiddenTwins: (logs) =>
    logs.filter((log, at) => !logs.some((other, later) => later > at && contentOf(other) === contentOf(log))),
  cutLogs: (logs) => logs.slice(0, 3),
  untimedLogs: (logs) => logs.map(({ blockTimestamp: _time, ...log }) => log),
  removedLogs: (logs) => logs.flatMap((log) => [{ ...log, blockHash: UNDONE, removed: true }, log]),
  forkedLogs: (logs) => [{ ...logs[0]!, blockHash: UNDONE }, ...logs],
  repeatedLogs: (logs) => [...logs, ...logs.map((log) => ({ ...log }))],
  unsortedLogs: (logs, { pick }) => {
    const left = [...logs]
    return logs.map(() => left.splice(pick(left.length), 1)[0]!)
  },
  upperCaseLogs: (logs) => JSON.parse(JSON.stringify(logs, upperCase)) as NodeLog[],
}

/** An answer to `eth_getLogs` as the faulty node gives it. */
export async function distortLogs(answer: RpcReply, context: FaultContext): Promise<RpcReply> {
  if (!Array.isArray(answer.result)) return answer
  let logs = answer.result as NodeLog[]
  for (const name of Object.keys(DISTORTIONS) as (keyof LogFaults)[]) {
    if (!context.chance(context.faults[name]) || logs.length === 0) continue
    context.hit(name)
    logs = await DISTORTIONS[name](logs, context)
  }
  return { ...answer, result: logs }
}

async function renumbered(logs: NodeLog[], { upstream }: FaultContext): Promise<NodeLog[]> {
  const places = new Map<string, string>()
  for (const hash of new Set(logs.map((log) => log.transactionHash))) {
    const { result } = await upstream({ id: 0, method: 'eth_getTransactionReceipt', params: [hash] })
    for (const [at, log] of (result as { logs: NodeLog[] }).logs.entries())
      places.set(`${hash} ${log.logIndex}`, `0x${at.toString(16)}`)
  }
  return logs.map((log) => ({ ...log, logIndex: places.get(`${log.transactionHash} ${log.logIndex}`)! }))
}

function contentOf({ transactionHash, address, topics, data }: NodeLog): string {
  return JSON.stringify([transactionHash, address, topics, data])
}
