/** Settle's steps, carried out by its real verbs under its own login, and by the model. */
import type { Database } from '../../db/client.ts'
import { checkHoldings } from '../../db/ledger/coins.ts'
import { doubtedAccounts, settleCounters } from '../../db/ledger/counter.ts'
import { dueWithdrawals, expire } from '../../db/ledger/expire.ts'
import { creditListedDeposits } from '../../db/ledger/listed-deposits.ts'
import { readCursor, recordLogs, recordRescan, requestRescan } from '../../db/ledger/record-logs.ts'
import { endReservations, staleReservations } from '../../db/ledger/stale-reservations.ts'
import { settleEvents } from '../../db/ledger/settle-events.ts'
import { checkOpenWithdrawals, checkSolvency } from '../../db/ledger/solvency.ts'
import { coinsOf, type ChainModel } from './ledger-chain-model.ts'
import { moved, retold, withoutTwins, type ChainLog } from './ledger-chain.ts'
import { heard, type Said } from './ledger-steps.ts'
import type { Of, Played, World } from './ledger-world.ts'
import { withoutTriggers } from './without-triggers.ts'

const OTHER_HASH = `0x${'ff'.repeat(32)}`
const pushed = <T extends { pushes: Said['pushes'] }>(result: T) => ({
  ...result,
  pushed: result.pushes.length,
})

/** What a node that misbehaves lets see of the logs there are. */
const seenBy: { [node in Of<'record'>['node']]?: (logs: ChainLog[]) => ChainLog[] } = {
  blind: () => [],
  twinless: withoutTwins,
  moved,
}

/** Reads the logs up to a final block as settle does; `node` says how the node misbehaves. */
export function record(step: Of<'record'>, { key, chain, model }: World): Played {
  let asked: Parameters<ChainModel['recordLogs']>
  return {
    database: async ({ settle }) =>
      await heard(async () => {
        const cursor = (await readCursor(settle, key))!
        const to = chain.blocks[Math.max(chain.head.number - step.depth, cursor.number)]!
        const found = chain.logs(cursor.number + 1 - step.overlap, to.number)
        const logs = retold(seenBy[step.node]?.(found) ?? found, step.forms)
        asked = [
          step.node === 'stale' ? cursor.number + 1 : cursor.number,
          step.node === 'forked' ? OTHER_HASH : cursor.hash,
          to,
          logs,
        ]
        const raw = logs.map((log) => log.raw)
        return {
          pushes: [],
          cursor: cursor.number,
          ...(await recordLogs(settle, key, asked[0], asked[1], to, raw)),
        }
      }),
    model: () => {
      const cursor = model.cursor.number
      return { cursor, ...model.recordLogs(...asked) }
    },
  }
}

export function askRescan(step: Of<'askRescan'>, { key, model }: World): Played {
  let from: number
  return {
    database: async ({ settle }) =>
      await heard(async () => {
        from = Math.max((await readCursor(settle, key))!.number - step.back, 0)
        await requestRescan(settle, key, from)
        return {}
      }),
    model: () => model.requestRescan(from),
  }
}

export function rescan(step: Of<'rescan'>, { key, chain, model }: World): Played {
  let asked: Parameters<ChainModel['recordRescan']>
  return {
    database: async ({ settle }) =>
      await heard(async () => {
        const cursor = (await readCursor(settle, key))!
        const from = cursor.rescanFrom ?? 0
        const to = Math.min(from + step.blocks - 1, cursor.number)
        asked = [from, to, retold(chain.logs(from, to), step.forms)]
        const raw = asked[2].map((log) => log.raw)
        return { pushes: [], ...(await recordRescan(settle, key, from, to, raw)) }
      }),
    model: () => model.recordRescan(...asked),
  }
}

/** Expiry at a block that the cursor has reached, and tries at ones that prove nothing. */
export function giveBack(step: Of<'expire'>, { key, chain, model }: World): Played {
  let asked: Parameters<ChainModel['expire']>
  return {
    database: async ({ settle }) =>
      await heard(async () => {
        const cursor = (await readCursor(settle, key))!.number
        const number =
          step.at === 'ahead' ? chain.head.number : Math.max(step.at === 'older' ? cursor - 1 : cursor, 0)
        const block = chain.blocks[number]!
        const at = step.at === 'forked' ? { ...block, hash: OTHER_HASH } : block
        const due = await dueWithdrawals(settle, key, at.timestamp, 1000, undefined)
        const rows =
          step.rows === 'every'
            ? [...model.withdrawals]
            : model.withdrawals.filter(({ id }) => due.some((one) => one.id === id))
        asked = [at, rows, (account) => chain.counterOf(account, block)]
        const proofs = rows.map(({ id, account }) => ({ id, nextNonce: String(asked[2](account)) }))
        if (step.rows === 'twice') proofs.push(...proofs)
        const result = pushed(await expire(settle, key, at, proofs))
        return { ...result, unproved: result.unproved.sort(), due: due.map(({ id }) => id) }
      }),
    model: () => {
      const due = model.due(asked[0].timestamp).map(({ id }) => id)
      return { due, ...model.expire(...asked) }
    },
  }
}

export function counters({ at }: Of<'counters'>, { key, chain, model }: World): Played {
  let asked: Parameters<ChainModel['counters']>
  return {
    database: async ({ settle }) =>
      await heard(async () => {
        const cursor = (await readCursor(settle, key))!.number
        const block = chain.blocks[Math.max(at === 'older' ? cursor - 1 : cursor, 0)]!
        asked = [block, (account) => chain.counterOf(account, block)]
        const accounts = await doubtedAccounts(settle, key, 1000)
        const rows = accounts.map((account) => ({ account, counter: String(asked[1](account)) }))
        return { pushes: [], blocked: await settleCounters(settle, key, block, rows) }
      }),
    model: () => model.counters(...asked),
  }
}

export function check(step: Of<'check'>, { key, chain, model }: World): Played {
  return {
    database: async ({ settle, owner }) =>
      await heard(async () => {
        const { rows } = await owner.query(
          `select t.symbol as token, trunc(coalesce(sum(b.available + b.frozen), 0) * ('1e' || t.decimals)::numeric)::text as in_wei
           from tokens t left join balances b on b.token = t.symbol and b.wallet = 'spot' group by t.symbol, t.decimals`,
        )
        const held = (rows as { token: string; in_wei: string }[]).map(({ token, in_wei }) => ({
          token,
          in_wei: token === step.short ? String(BigInt(in_wei) - 1n) : in_wei,
        }))
        // A token that is told twice is checked once.
        const result = await checkSolvency(settle, key, chain.head.number, [...held, ...held], step.pause)
        return { pushes: [], ...result, broken: await checkOpenWithdrawals(settle) }
      }),
    model: () => model.check(step.short === null ? [] : [step.short], step.pause),
  }
}

export function coins({ at }: Of<'coins'>, { key, chain, model }: World): Played {
  let asked: Parameters<ChainModel['coins']>
  return {
    database: async ({ settle }) =>
      await heard(async () => {
        const cursor = (await readCursor(settle, key))!.number
        const block = chain.blocks[Math.max(at === 'older' ? cursor - 1 : cursor, 0)]!
        asked = [block, coinsOf(chain.logs(0, block.number))]
        const gone = coinsOf(model.sentBack.map(({ log }) => log))
        const holdings = model.tokens.map(({ symbol, contract }) => ({
          token: symbol,
          in_wei: String((asked[1].get(contract) ?? 0n) - (gone.get(contract) ?? 0n)),
          due: false,
        }))
        await checkHoldings(settle, key, block, 0, holdings, false)
        return { pushes: [] }
      }),
    model: () => model.coins(...asked),
  }
}

export function settle({ limit }: Of<'settle'>, { key, model }: World): Played {
  return {
    database: async ({ settle }) => await heard(async () => pushed(await settleEvents(settle, key, limit))),
    model: () => model.settleEvents(limit),
  }
}

export function creditListed({ limit }: Of<'creditListed'>, { key, model }: World): Played {
  return {
    database: async ({ settle }) =>
      await heard(async () => pushed(await creditListedDeposits(settle, key.chainId, limit, null))),
    model: () => model.creditListed(limit),
  }
}

export function stale({ ttl, limit }: Of<'endStale'>, world: World): Played {
  return {
    database: async ({ settle }) => await heard(async () => await endStale(settle, world, ttl, limit)),
    model: () => world.model.endStale(ttl, limit),
  }
}

/** As a run of settle does; a signature that settle takes from the witness may be read, and used, from then on. */
async function endStale(settle: Database, { model, run }: World, ttl: number, limit: number) {
  const ids = await staleReservations(settle, ttl, limit)
  const kept = Object.fromEntries([...model.kept].filter(([id]) => ids.includes(id)))
  const result = pushed(await endReservations(settle, ids, kept))
  for (const row of model.withdrawals) if (result.signed.includes(row.id)) run.signatureLeft?.(row)
  return { ...result, signed: result.signed.length }
}

/**
 * A standby takes over that has not heard of a signature's storing, which had left by then, or that of nothing at all; and the
 * next run of settle begins.
 */
export function lose({ pick }: Of<'lose'>, world: World): Played {
  const { model } = world
  const signed = model.withdrawals.filter(({ status }) => status === 'signed')
  const lost = signed.at(-1 - (pick % Math.max(signed.length, 1)))
  return {
    database: async ({ settle, owner }) =>
      await heard(async () => {
        if (lost)
          await withoutTriggers(
            async (text) => await owner.query(text),
            `update withdrawals set status = 'reserved', signature = null, signed_at = null where id = '${lost.id}'`,
          )
        return await endStale(settle, world, 0, 1000)
      }),
    model: () => {
      if (lost) lost.status = 'reserved'
      return model.endStale(0, 1000)
    },
  }
}
