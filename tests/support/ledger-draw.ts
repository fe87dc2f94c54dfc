/** Random steps, drawn so that shortages, full balances, repeated keys and crossing accounts are common. */
import fc from 'fast-check'
import type { Wallet } from './ledger-model.ts'

export const account = fc.nat({ max: 3 })
const token = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('FINE', 'CENT') },
  { weight: 1, arbitrary: fc.constantFrom('UNIT', 'NONE') },
)
/** `all` and its neighbours mean the source's balance at that moment. */
const amount = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('all', 'half', '1', '2.5', '10') },
  {
    weight: 3,
    arbitrary: fc.constantFrom('one more than all', '0.000000000000000001', '0.01', '90000000000000000000'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '0',
      '-1',
      '-0.5',
      '99999999999999999999',
      '100000000000000000000',
      'NaN',
      'Infinity',
      '0.001',
    ),
  },
)
/** Three keys and two bodies, so that repeats with the same and with another body both happen. */
const key = fc.option(
  fc.record({ key: fc.constantFrom('k1', 'k2', 'k3'), body: fc.constantFrom('a', 'b') }),
  { freq: 2 },
)
const wallet = fc.constantFrom<Wallet>('perp', 'spot')
export const pick = fc.nat({ max: 5 })

/** What the node says of the account's counter. */
const node = fc.constantFrom('true', 'true', 'true', 'true', 'true', 'less', 'more')

export const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ verb: fc.constant('credit' as const), account, token, amount, key }) },
  {
    weight: 4,
    arbitrary: fc.record({
      verb: fc.constant('transfer' as const),
      account,
      token,
      amount,
      key,
      direction: fc.constantFrom('perp_to_spot', 'spot_to_perp'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      verb: fc.constant('subaccountTransfer' as const),
      account: fc.constantFrom(0, 1, 0, 1, 2),
      to: fc.constantFrom(1, 0, 1, 0, 3),
      wallet,
      token,
      amount,
      key,
      message: fc.nat({ max: 40 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      verb: fc.constant('reserve' as const),
      account,
      token,
      amount,
      key,
      ttl: fc.constantFrom(60, 600),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      verb: fc.constant('store' as const),
      pick,
      signature: fc.constantFrom('11', '22'),
      node,
    }),
  },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('refuseCounter' as const), pick, node }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('giveBack' as const), pick }) },
)
export type Step = typeof step extends fc.Arbitrary<infer S> ? S : never
