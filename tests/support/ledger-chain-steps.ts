/** How a drawn step is carried out beside a simulated chain: by the real verbs under their logins, and by the model. */
import type { AnyStep, ChainStep } from './ledger-chain-draw.ts'
import { forged } from './ledger-chain.ts'
import type { Step } from './ledger-draw.ts'
import {
  check,
  coins,
  counters,
  creditListed,
  lose,
  giveBack,
  record,
  askRescan,
  rescan,
  settle,
  stale,
} from './ledger-settle-steps.ts'
import { TOKENS } from './ledger-stage.ts'
import { actOf, heard, type Act } from './ledger-steps.ts'
import type { Of, Played, World } from './ledger-world.ts'

/** The newest first: the older ones have mostly come to their end. */
const picked = <T>(list: readonly T[], pick: number): T | undefined =>
  list.at(-1 - (pick % Math.max(list.length, 1)))
/** A step that the database hears nothing of. */
const onChain = (work: () => void): Played => ({
  database: async () => {
    work()
    return await Promise.resolve({ refused: null, pushes: [] })
  },
  model: () => ({ refused: null }),
})
export function anyActOf(step: AnyStep, world: World): Act {
  const { cast, chain, model, run } = world
  const play = (step: ChainStep): Played => {
    switch (step.verb) {
      case 'pay':
        return onChain(() => chain.pay(step.pick))
      case 'deposit':
        return deposit(step, world)
      case 'advance':
        return onChain(() => {
          const deadline = picked(model.withdrawals, step.pick)?.deadline
          chain.mine(deadline === undefined ? chain.head.timestamp + 1 : deadline + step.by, [])
        })
      case 'vaultPaused':
        return onChain(() =>
          chain.mine(0, [{ name: 'vault_paused', account: '', contract: '', wei: 0n, nonce: 0 }]),
        )
      case 'forge':
        return onChain(() =>
          chain.mine(0, [forged(step.form, picked(model.withdrawals, step.pick), cast[2]!, TOKENS)]),
        )
      case 'record':
        return record(step, world)
      case 'askRescan':
        return askRescan(step, world)
      case 'rescan':
        return rescan(step, world)
      case 'settle':
        return settle(step, world)
      case 'expire':
        return giveBack(step, world)
      case 'counters':
        return counters(step, world)
      case 'creditListed':
        return creditListed(step, world)
      case 'endStale':
        return stale(step, world)
      case 'lose':
        return lose(step, world)
      case 'check':
        return check(step, world)
      case 'coins':
        return coins(step, world)
      case 'pause':
      case 'resume':
      case 'resolve':
      case 'retryPaid':
      case 'list':
      case 'sendBack':
        return byHand(step, world)
    }
  }
  return isMoney(step)
    ? actOf(step, model, cast, run)
    : { text: JSON.stringify(step), ...play(step), effects: () => [] }
}

const MONEY = new Set([
  'credit',
  'transfer',
  'subaccountTransfer',
  'reserve',
  'store',
  'giveBack',
  'refuseCounter',
])
const isMoney = (step: AnyStep): step is Step => MONEY.has(step.verb)

function deposit(step: Of<'deposit'>, { cast, chain, late }: World): Played {
  const token = step.token === 'LATE' ? late : TOKENS.find(({ symbol }) => symbol === step.token)
  const one = 10n ** BigInt(token?.decimals ?? 18)
  const wei =
    typeof step.amount === 'number'
      ? BigInt(step.amount)
      : step.amount === 'a token'
        ? one
        : 9n * 10n ** 19n * one
  // The vault knows no Solana account: its place is taken by one the ledger has never seen.
  const account = cast[step.account === 3 ? 4 : step.account]!
  const contract = token?.contract ?? `0x${'99'.repeat(20)}`
  const event = { name: 'deposit', account, contract, wei, nonce: 0 } as const
  return onChain(() => chain.mine(0, Array<typeof event>(step.times).fill(event)))
}

/** What only the ledger's owner may. */
function byHand(
  step: Of<'pause' | 'resume' | 'resolve' | 'retryPaid' | 'list' | 'sendBack'>,
  { key, model, late }: World,
): Played {
  const asOwner = (query: string, values: unknown[], fact: string): Act['database'] => {
    return async ({ owner }) =>
      await heard(async () => {
        const { rows } = await owner.query(query, values)
        return { pushes: [], [fact]: (rows as { fact: unknown }[])[0]?.fact }
      })
  }
  if (step.verb === 'pause')
    return {
      database: asOwner('select ledger.pause_withdrawals($1) as fact', ['played'], 'paused'),
      model: () => model.pause(),
    }
  if (step.verb === 'resume')
    return {
      database: asOwner('select ledger.resume_withdrawals($1) as fact', ['looked'], 'resumed'),
      model: () => model.resume(),
    }
  if (step.verb === 'retryPaid')
    return {
      database: asOwner(
        `select count(ledger.resolve_log(chain_id, tx_hash, content_hash, ordinal, true, 'looked'))::int as fact from chain_logs
         where vault = $1 and status = 'quarantined' and reason ~ '^paid_without_signature'`,
        [key.vault],
        'retried',
      ),
      model: () => model.retryPaid(),
    }
  if (step.verb === 'list') {
    const { symbol, decimals, contract } = late
    return {
      database: asOwner(
        `with listed as (insert into tokens (symbol, decimals, chain_id, contract) values ($1, $2, $3, $4)
           on conflict do nothing returning 1) select count(*)::int as fact from listed`,
        [symbol, decimals, key.chainId, contract],
        'listed',
      ),
      model: () => model.list(late),
    }
  }
  if (step.verb === 'sendBack') {
    const deposit = picked(model.uncredited, step.pick)
    if (!deposit) return onChain(() => undefined)
    const { log, ordinal } = deposit
    return {
      database: asOwner(
        `select ledger.return_deposit(id, 'sent back') as fact from deposits
         where tx_hash = $1 and content_hash = decode($2, 'hex') and ordinal = $3`,
        [log.raw.tx_hash, log.content, ordinal],
        'returned',
      ),
      model: () => model.sendBack(deposit),
    }
  }
  const known = [...model.logs.values()]
  const stored =
    picked(
      known.filter(({ status }) => status === 'quarantined'),
      step.pick,
    ) ?? picked(known, step.pick)
  if (!stored) return onChain(() => undefined)
  return {
    database: asOwner(
      `select ledger.resolve_log($1, $2, decode($3, 'hex'), $4, $5, $6) as fact`,
      [key.chainId, stored.log.raw.tx_hash, stored.log.content, stored.ordinal, step.retry, 'looked'],
      'resolved',
    ),
    model: () => model.resolve(stored, step.retry),
  }
}
