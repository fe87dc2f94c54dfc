import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientOf } from './support/client.ts'
import { LedgerModel } from './support/ledger-model.ts'
import { expectInHistory, newCast, TOKENS, VAULT, type LedgerStage } from './support/ledger-stage.ts'
import { step, type Step } from './support/ledger-draw.ts'
import { actOf, type Effect, type Run } from './support/ledger-steps.ts'
import { textOf } from './support/ledger-units.ts'
import { ledgers, propertyOptions } from './support/property-runs.ts'

const { options, limitMs } = propertyOptions('ledger properties', 25)

let ledger: ReturnType<typeof ledgers>
beforeAll(() => {
  ledger = ledgers(clientOf().manifest)
})
afterAll(async () => await ledger.stop())

/** How the accounts of a run sort. */
const order = fc.shuffledSubarray([0, 1, 2], { minLength: 3, maxLength: 3 })

async function newRun(stage: LedgerStage, sorted?: number[]) {
  const cast = await newCast(stage.owner, sorted)
  const run: Run = { id: randomBytes(4).toString('hex'), vault: VAULT }
  return { cast, run, model: new LedgerModel(TOKENS, [[cast[0]!, cast[1]!]]) }
}

describe('any order of verbs', () => {
  test(
    'answers as the model does, and leaves the model’s balances and every invariant after each step',
    async () => {
      const steps = fc.array(step, { minLength: 5, maxLength: 30 })
      const everyStep = fc.asyncProperty(order, steps, async (sorted, steps) => {
        await ledger.run(async (stage) => {
          const { cast, run, model } = await newRun(stage, sorted)
          for (const drawn of steps) {
            const act = actOf(drawn, model, cast, run)
            const said = await act.database(stage)
            const expected = act.model(said)
            expect([act.text, said]).toEqual([act.text, expect.objectContaining(expected)])
            expect([act.text, await stage.differences(model, cast)]).toEqual([act.text, []])
            expect([act.text, await stage.violations()]).toEqual([act.text, []])
            await expectInHistory(stage, [said])
          }
        })
      })
      await fc.assert(everyStep, options)
    },
    limitMs,
  )
})

const FIXED = ['1', '2.5', '10', '0.01', '90000000000000000000', '0', '100000000000000000000']

describe('an account at the limit of what a balance holds', () => {
  test('always gets its frozen funds back: nothing credited meanwhile may take their room', async () => {
    await ledger.run(async (stage) => {
      const { cast, run, model } = await newRun(stage)
      const huge = { account: 0, token: 'FINE', amount: '90000000000000000000', key: null } as const
      const steps: Step[] = [
        { verb: 'credit', ...huge },
        { verb: 'reserve', ...huge, ttl: 60 },
        { verb: 'credit', ...huge },
        { verb: 'giveBack', pick: 0 },
      ]
      const heard: (string | null)[] = []
      for (const drawn of steps) {
        const act = actOf(drawn, model, cast, run)
        const said = await act.database(stage)
        act.model(said)
        heard.push(said.refused)
      }
      expect(heard).toEqual([null, null, 'invalid_amount', null])
      expect(await stage.differences(model, cast)).toEqual([])
    })
  })
})

describe('many verbs at once on the same few accounts', () => {
  test(
    'leave what was acknowledged and nothing else: effects add up to the balances, keys count once, invariants hold',
    async () => {
      const definite = step.filter((drawn) => !('amount' in drawn) || FIXED.includes(drawn.amount))
      const batch = fc.array(definite, { minLength: 6, maxLength: 16 })
      const batches = fc.asyncProperty(fc.array(batch, { minLength: 2, maxLength: 4 }), async (rounds) => {
        await ledger.run(async (stage) => {
          const { cast, run, model } = await newRun(stage)
          const balances = new Map<string, [bigint, bigint]>()
          const add = ([name, available, frozen]: Effect) => {
            const [a, f] = balances.get(name) ?? [0n, 0n]
            balances.set(name, [a + available, f + frozen])
          }
          for (const steps of rounds) {
            const acts = steps.map((drawn) => actOf(drawn, model, cast, run))
            const said = await Promise.all(acts.map((act) => act.database(stage)))
            for (const effect of acts.flatMap((act, at) => act.effects(said[at]!))) add(effect)
            await expectInHistory(stage, said)
            expect(await stage.violations()).toEqual([])
            const { rows } = await stage.owner.query(
              `select account || ' ' || wallet || ' ' || token as name, trim_scale(available)::text as a, trim_scale(frozen)::text as f
               from balances where account = any($1) order by 1`,
              [cast],
            )
            expect(rows).toEqual(
              [...balances]
                .sort(([a], [b]) => (a < b ? -1 : 1))
                .map(([name, [a, f]]) => ({ name, a: textOf(a), f: textOf(f) })),
            )
          }
        })
      })
      await fc.assert(batches, options)
    },
    limitMs,
  )
})
