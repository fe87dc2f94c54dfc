/** What nodes and the proxies before them do to an answer on its way. Chances are per request. */
import type { FaultContext, RpcReply } from './rpc-faults.ts'

export interface AnswerFaults {
  /** Ids are text. */
  textIds: number
  /** A batch is answered in any order. */
  shuffledBatch: number
  /** Hex digits are in upper case, of every answer. */
  upperCase: number
  /** One call of a batch, any, is answered with null. */
  nullAnswer: number
  /** One field of one answer, any, is null. */
  nullField: number
  /** One answer of a batch, any, is missing. */
  missingAnswer: number
}
export const NO_ANSWER_FAULTS: Readonly<AnswerFaults> = {
  textIds: 0,
  shuffledBatch: 0,
  upperCase: 0,
  nullAnswer: 0,
  nullField: 0,
  missingAnswer: 0,
}
type Distortion = (replies: RpcReply[], context: FaultContext) => RpcReply[]

const DISTORTIONS: Record<keyof AnswerFaults, Distortion> = {
  nullAnswer: (replies, { pick }) => {
    const at = pick(replies.length)
    return replies.map((reply, n) => (n === at ? { ...reply, result: null } : reply))
  },
  nullField: (replies, { pick }) => {
    const at = pick(replies.length)
    return replies.map((reply, n) => (n === at ? { ...reply, result: withNull(reply.result, pick) } : reply))
  },
  missingAnswer: (replies, { pick }) => {
    const at = pick(replies.length)
    return replies.filter((_, n) => n !== at)
  },
  upperCase: (replies) => JSON.parse(JSON.stringify(replies, upperCase)) as RpcReply[],
  textIds: (replies) => replies.map((reply) => ({ ...reply, id: String(reply.id) })),
  shuffledBatch: (replies, { pick }) => {
    const left = [...replies]
    return replies.map(() => left.splice(pick(left.length), 1)[0]!)
  },
}

/** All answers to one request as they arrive. */
export function distortAnswers(replies: RpcReply[], context: FaultContext): RpcReply[] {
  let left = replies
  for (const name of Object.keys(DISTORTIONS) as (keyof AnswerFaults)[]) {
    if (left.length === 0 || !context.chance(context.faults[name])) continue
    context.hit(name)
    left = DISTORTIONS[name](left, context)
  }
  return left
}

function withNull(result: unknown, pick: (n: number) => number): unknown {
  if (Array.isArray(result)) {
    const at = pick(Math.max(result.length, 1))
    return result.map((item: unknown, n) => (n === at ? withNull(item, pick) : item))
  }
  if (typeof result !== 'object' || result === null) return result
  const names = Object.keys(result)
  return { ...result, [names[pick(names.length)] ?? '']: null }
}

export function upperCase(_key: string, value: unknown): unknown {
  return typeof value === 'string' && value.startsWith('0x') ? `0x${value.slice(2).toUpperCase()}` : value
}
