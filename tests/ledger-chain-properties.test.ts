import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCursor } from '../db/ledger/record-logs.ts'
import { clientOf } from './support/client.ts'
import { batch, honestSteps, rogueSteps, type AnyStep } from './support/ledger-chain-draw.ts'
import {
  chainFacts,
  closingSteps,
  crossedOnChain,
  endsOf,
  expectOneEndEach,
  moneyOf,
  newWorld,
  textsOf,
} from './support/ledger-chain-stage.ts'
import { anyActOf } from './support/ledger-chain-steps.ts'
import { expectInHistory } from './support/ledger-stage.ts'
import type { Act, Said } from './support/ledger-steps.ts'
import { unitsOf } from './support/ledger-units.ts'
import type { World } from './support/ledger-world.ts'
import { ledgers, propertyOptions } from './support/property-runs.ts'

const { options, limitMs } = propertyOptions('ledger and chain properties', 15)

let ledger: ReturnType<typeof ledgers>
beforeAll(() => {
  ledger = ledgers(clientOf().manifest)
})
afterAll(async () => await ledger.stop())

/** How the accounts of a run sort. */
const order = fc.shuffledSubarray([0, 1, 2], { minLength: 3, maxLength: 3 })
const DEBT = 'nobody owes the exchange for a payment that was also given back'

/** One step in the database and in the model, and everything that must then agree. */
async function play(world: World, drawn: AnyStep): Promise<void> {
  const { stage, cast, model } = world
  const act = anyActOf(drawn, world)
  const said = await act.database(stage)
  const expected = act.model(said)
  expect([act.text, said]).toEqual([act.text, expect.objectContaining(expected)])
  expect([act.text, await stage.differences(model, cast)]).toEqual([act.text, []])
  const { is, should } = await chainFacts(world)
  expect([act.text, is]).toEqual([act.text, should])
  expect([act.text, await stage.violations()]).toEqual([act.text, model.owed ? [DEBT] : []])
  await expectInHistory(stage, [said])
}

/** What came into the accounts and has not left them is what they hold, of each token; and the model counted the same. */
async function expectMoneyInIsMoneyOut(world: World): Promise<void> {
  const { held, crossed } = await moneyOf(world)
  for (const [token, sum] of held) {
    const of = (kind: string) => unitsOf(crossed.get(`${kind} ${token}`) ?? '0')!
    expect([token, unitsOf(sum)]).toEqual([
      token,
      of('credit') + of('deposit') - of('withdraw_confirm') - of('withdraw_paid_after_expiry'),
    ])
  }
  const counted = new Map([...crossed].filter(([name]) => !name.startsWith('credit ')))
  expect(counted).toEqual(textsOf(world.model.crossed))
}

describe('any order of all verbs beside a chain that pays when it likes', () => {
  test(
    'answers as the model does, and ends each withdrawal paid or given back, never both and never neither',
    async () => {
      const property = fc.asyncProperty(order, honestSteps, async (sorted, steps) => {
        await ledger.run(async (stage) => {
          const world = await newWorld(stage, sorted)
          for (const drawn of steps) await play(world, drawn)
          for (const drawn of closingSteps(world)) await play(world, drawn)
          await expectOneEndEach(world)
          await expectMoneyInIsMoneyOut(world)
          expect(world.model.debts.size).toBe(0)
          expect([...world.model.alerts].filter((key) => key.startsWith('vault_unexplained'))).toEqual([])
        })
      })
      await fc.assert(property, options)
    },
    limitMs,
  )
})

describe('logs that no vault could have written, among all verbs', () => {
  test(
    'are quarantined with their reason and pause signing; a payment of what was given back is a debt, and nothing else moves',
    async () => {
      const property = fc.asyncProperty(order, rogueSteps, async (sorted, steps) => {
        await ledger.run(async (stage) => {
          const world = await newWorld(stage, sorted)
          for (const drawn of steps) await play(world, drawn)
          await expectMoneyInIsMoneyOut(world)
        })
      })
      await fc.assert(property, options)
    },
    limitMs,
  )
})

/** What was acknowledged of each kind; `ends` counts rows, the others are sums a token. */
function tally() {
  const ends = { confirmed: 0, credited: 0, expired: 0, released: 0 }
  const held = new Map<string, bigint>()
  const count = (fact: unknown) => Number(fact ?? 0)
  return {
    ends,
    held,
    add: (act: Act, said: Said) => {
      ends.confirmed += count(said.confirmed)
      ends.credited += count(said.deposited)
      ends.expired += count(said.expired)
      ends.released += count(said.released)
      for (const [name, available, frozen] of act.effects(said)) {
        const token = name.split(' ')[2]!
        held.set(token, (held.get(token) ?? 0n) + available + frozen)
      }
    },
  }
}

describe('all verbs at once, several of each, beside a chain that pays when it likes', () => {
  test(
    'do what they acknowledge and nothing else: ends and money add up, invariants hold, each withdrawal ends once',
    async () => {
      const rounds = fc.array(batch, { minLength: 2, maxLength: 5, size: 'max' })
      const property = fc.asyncProperty(order, rounds, async (sorted, rounds) => {
        await ledger.run(async (stage) => {
          const world = await newWorld(stage, sorted)
          const { ends, held, add } = tally()
          for (const token of ['FINE', 'CENT']) held.set(token, unitsOf('300')!)
          const atOnce = async (steps: readonly AnyStep[]) => {
            const acts = steps.map((drawn) => anyActOf(drawn, world))
            const said = await Promise.all(
              acts.map(async (act, at) => {
                // Half of them begin when the others are under way.
                if (at % 2) await readCursor(stage.settle, world.key)
                return await act.database(stage)
              }),
            )
            acts.forEach((act, at) => add(act, said[at]!))
            await expectInHistory(stage, said)
            expect(await stage.violations()).toEqual([])
            expect(await endsOf(world)).toEqual(ends)
            const { held: is, crossed } = await moneyOf(world)
            for (const [token, sum] of is) {
              const of = (kind: string) => unitsOf(crossed.get(`${kind} ${token}`) ?? '0')!
              const settled = of('deposit') - of('withdraw_confirm')
              expect([token, unitsOf(sum)]).toEqual([token, (held.get(token) ?? 0n) + settled])
            }
          }
          for (const steps of rounds) await atOnce(steps)
          for (const drawn of closingSteps(world)) await atOnce([drawn])
          await expectOneEndEach(world)
          expect((await moneyOf(world)).crossed).toEqual(crossedOnChain(world, held))
        })
      })
      await fc.assert(property, options)
    },
    limitMs,
  )
})
