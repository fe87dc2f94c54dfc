/** How a drawn step is carried out: by the database's real verbs, and by the model. */
import { createHash, randomBytes } from 'node:crypto'
import { type Push } from '../../db/client.ts'
import { LedgerRefusal } from '../../db/errors.ts'
import { refuseCounter } from '../../db/ledger/counter.ts'
import { credit } from '../../db/ledger/credit.ts'
import { giveBack } from '../../db/ledger/give-back.ts'
import { reserve } from '../../db/ledger/reserve.ts'
import { storeSignature } from '../../db/ledger/store-signature.ts'
import { subaccountTransfer } from '../../db/ledger/subaccount-transfer.ts'
import { transfer } from '../../db/ledger/transfer.ts'
import type { Key, LedgerModel, ModelWithdrawal, Wallet } from './ledger-model.ts'
import { CHAIN_ID, type LedgerStage } from './ledger-stage.ts'
import { textOf, unitsOf, type Units } from './ledger-units.ts'
import type { Step } from './ledger-draw.ts'

/** An address that is neither the vault's nor a token's. */
const ELSEWHERE = `0x${'be'.repeat(20)}`

/** What the database said, in the shape the model says it. */
export interface Said {
  refused: string | null
  pushes: Push[]
  [fact: string]: unknown
}

/** One step made definite: the same call for the database and for the model. */
export interface Act {
  text: string
  database(stage: LedgerStage): Promise<Said>
  model(said: Said): { refused: string | null }
  /** What an acknowledged act did to the balances, as its caller knows it. */
  effects(said: Said): Effect[]
}
/** A balance's name, and what was added to available and to frozen. */
export type Effect = readonly [name: string, available: Units, frozen: Units]

/** What belongs to one run alone, beside its accounts. */
export interface Run {
  /** Makes its keys and messages its own: an admin's keys are shared by all accounts. */
  id: string
  vault: string
  /** The vault's counter for an account, where a chain is played; else the step says it. */
  counterOf?(account: string): number
  /** This signature has left the process. */
  signatureLeft?(withdrawal: ModelWithdrawal): void
}

export const hex = (text: string) => createHash('sha256').update(text).digest('hex')
const idempotency = (given: Key | undefined) => given && { key: given.key, requestHash: given.hash }

export async function heard(work: () => Promise<{ pushes?: Push[] }>): Promise<Said> {
  try {
    return { refused: null, pushes: [], ...(await work()) }
  } catch (error) {
    if (error instanceof LedgerRefusal) return { refused: error.reason, pushes: [] }
    throw error
  }
}

function amountOf(model: LedgerModel, text: string, owner: string, from: Wallet, symbol: string): string {
  const { available } = model.row(owner, from, symbol)
  if (text === 'all') return available > 0n ? textOf(available) : '1'
  if (text === 'half') return available > 1n ? textOf(available / 2n) : '1'
  return text === 'one more than all' ? textOf(available + 1n) : text
}

export function actOf(step: Step, model: LedgerModel, cast: readonly string[], run: Run): Act {
  const text = JSON.stringify(step)
  if (step.verb === 'store' || step.verb === 'giveBack' || step.verb === 'refuseCounter')
    return withdrawalAct(step, text, model, run)
  const owner = cast[step.account]!
  const given = step.key ? { key: `${run.id} ${step.key.key}`, hash: hex(step.key.body) } : undefined
  const from: Wallet =
    step.verb === 'transfer' && step.direction === 'perp_to_spot'
      ? 'perp'
      : step.verb === 'subaccountTransfer'
        ? step.wallet
        : 'spot'
  const sum = amountOf(model, step.amount, owner, from, step.token)
  const shared = { account: owner, token: step.token, amount: sum, idempotency: idempotency(given) }
  const at = (index: number, wallet: Wallet) => `${cast[index]} ${wallet} ${step.token}`
  const moved = (from: string | null, to: string) => (said: Said) => {
    if (said.refused !== null || said.replayed === true) return []
    const units = unitsOf(sum)!
    return [...(from === null ? [] : [[from, -units, 0n] as const]), [to, units, 0n] as const]
  }
  switch (step.verb) {
    case 'credit':
      return {
        text,
        database: ({ admin }) =>
          heard(() => credit(admin, { ...shared, reason: undefined, requestId: run.id })),
        model: () => model.credit(owner, step.token, sum, given),
        effects: moved(null, at(step.account, 'spot')),
      }
    case 'transfer':
      return {
        text,
        database: ({ transfers }) =>
          heard(async () => {
            const { answer, ...rest } = await transfer(transfers, { ...shared, direction: step.direction })
            return {
              ...rest,
              perp: answer.perp_balance_after,
              spot: answer.spot_balance_after,
              id: answer.transfer_id,
            }
          }),
        model: () => model.transfer(owner, step.token, step.direction, sum, given),
        effects: moved(at(step.account, from), at(step.account, from === 'perp' ? 'spot' : 'perp')),
      }
    case 'subaccountTransfer': {
      const digest = hex(`${run.id} ${step.message}`)
      const caller = { account: owner, agent: null, digest, expiresAt: Date.now() + 30_000 }
      const to = cast[step.to]!
      const input = {
        caller,
        to,
        wallet: step.wallet,
        token: step.token,
        amount: sum,
        idempotencyKey: given?.key ?? null,
      }
      return {
        text,
        database: ({ signed }) =>
          heard(async () => {
            const { answer, pushes } = await subaccountTransfer(signed, input)
            return { pushes, id: answer.transfer_id }
          }),
        model: () => model.subaccountTransfer(owner, to, step.wallet, step.token, sum, digest, given?.key),
        effects: moved(at(step.account, from), at(step.to, from)),
      }
    }
    case 'reserve': {
      const input = {
        ...shared,
        recipient: owner.startsWith('0x') ? owner : ELSEWHERE,
        chainId: CHAIN_ID,
        vault: run.vault,
      }
      return {
        text,
        database: ({ withdrawals }) =>
          heard(async () => {
            const result = await reserve(withdrawals, { ...input, ttlSeconds: step.ttl })
            const made = result.outcome === 'reserved' ? result.reservation : undefined
            const deadline = made?.deadline ?? 0
            return {
              outcome: result.outcome,
              pushes: result.pushes,
              nonce: made?.nonce ?? -1,
              made: { id: made?.id ?? '', requestedAt: deadline - step.ttl, deadline },
            }
          }),
        model: (said) => model.reserve(owner, step.token, sum, given, madeIn(said)),
        effects: (said) => {
          if (said.outcome !== 'reserved') return []
          const [made, amount] = [madeIn(said), unitsOf(sum)!]
          // The model did not make it here: several acts ran at once. Later acts may still pick it.
          if (!model.withdrawals.some((known) => known.id === made.id))
            model.withdrawals.push({
              ...made,
              account: owner,
              token: step.token,
              amount,
              nonce: Number(said.nonce),
              status: 'reserved',
            })
          return [[at(step.account, 'spot'), -amount, amount]]
        },
      }
    }
  }
}

function withdrawalAct(
  step: Extract<Step, { verb: 'store' | 'giveBack' | 'refuseCounter' }>,
  text: string,
  model: LedgerModel,
  run: Run,
): Act {
  // The newest first: the older ones have mostly come to their end.
  const known = model.withdrawals.at(-1 - (step.pick % Math.max(model.withdrawals.length, 1)))
  const target = known ?? ({ id: uuid(), status: 'released' } as ModelWithdrawal)
  const cameBack = (said: Said): Effect[] =>
    said.released === true ? [[`${target.account} spot ${target.token}`, target.amount, -target.amount]] : []
  if (step.verb === 'giveBack')
    return {
      text,
      database: ({ withdrawals }) =>
        heard(async () => ({ ...(await giveBack(withdrawals, target.id, 'signer_unavailable')) })),
      model: () => model.giveBack(target),
      effects: cameBack,
    }
  const counter = counterOf(target, step.node, model, run)
  if (step.verb === 'refuseCounter')
    return {
      text,
      database: ({ withdrawals }) =>
        heard(async () => ({ ...(await refuseCounter(withdrawals, target.id, counter())) })),
      model: () => model.refuseCounter(target, counter()),
      effects: cameBack,
    }
  const signature = `0x${step.signature.repeat(65)}`
  return {
    text,
    database: ({ withdrawals }) =>
      heard(async () => {
        model.kept.set(target.id, signature)
        const { outcome, pushes } = await storeSignature(withdrawals, target.id, signature, counter())
        if (outcome === 'signed') run.signatureLeft?.(target)
        return { outcome, pushes, released: outcome === 'behind' && pushes.length > 0 }
      }),
    model: () => model.store(target, signature, counter()),
    effects: cameBack,
  }
}

/** What the node says when the step is carried out, asked once: the database and the model must hear the same. */
function counterOf(
  { account, nonce }: ModelWithdrawal,
  node: string,
  model: LedgerModel,
  run: Run,
): () => number {
  let said: number | undefined
  return () => {
    const truth = run.counterOf?.(account) ?? model.nonces.get(account) ?? 0
    const more = Math.max(truth, (nonce ?? 0) + 1)
    said ??= node === 'more' ? more : node === 'less' ? Math.max(truth - 1, 0) : truth
    return said
  }
}

const madeIn = (said: Said) => said.made as Pick<ModelWithdrawal, 'id' | 'requestedAt' | 'deadline'>

const uuid = () =>
  randomBytes(16)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
