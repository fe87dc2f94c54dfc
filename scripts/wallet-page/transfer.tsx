/** Between spot and perp margin. */
import { useState } from 'preact/hooks'
import { amountProblem, grouped, minus, plus } from './amounts.ts'
import { repeated, type Token } from './api.ts'
import { AmountField } from './amount-field.tsx'
import { Change, JobForm } from './job-form.tsx'
import { Choice, Select } from './parts.tsx'
import { NOTHING, type Account } from './use-account.ts'
import { useJob } from './use-job.ts'

type Direction = 'spot_to_perp' | 'perp_to_spot'
const DIRECTIONS = [
  ['spot_to_perp', 'Spot → perp'],
  ['perp_to_spot', 'Perp → spot'],
] as const

export function Transfer({ account, tokens }: { account: Account; tokens: Token[] }) {
  const able = tokens.filter(({ transferable }) => transferable)
  const [direction, setDirection] = useState<Direction>('spot_to_perp')
  const [symbol, setSymbol] = useState(able[0]?.symbol ?? '')
  const [amount, setAmount] = useState('')
  const spot = (account.spot[symbol] ?? NOTHING).available
  const perp = (account.perp[symbol] ?? NOTHING).available
  const toPerp = direction === 'spot_to_perp'
  const decimals = able.find((one) => one.symbol === symbol)?.decimals ?? 18
  const bounds = { symbol, decimals, available: toPerp ? spot : perp }
  const problem = able.length === 0 ? 'No token can be transferred here.' : amountProblem(amount, bounds)
  const job = useJob(
    async (idempotencyKey) =>
      await repeated(
        async () =>
          await account.client.call('POST /api/v1/spot/transfer', {
            body: { token: symbol, direction, amount },
            idempotencyKey,
          }),
      ),
    () => {
      setAmount('')
      account.changed()
    },
  )
  const [less, more] = [
    (from: string) => grouped(minus(from, amount)),
    (from: string) => grouped(plus(from, amount)),
  ]
  return (
    <JobForm
      job={job}
      verb="Transfer"
      problem={problem}
      preview={
        problem === undefined && (
          <>
            <Change name="Spot" from={grouped(spot)} to={toPerp ? less(spot) : more(spot)} />
            <Change name="Perp" from={grouped(perp)} to={toPerp ? more(perp) : less(perp)} />
          </>
        )
      }
      done={(made) =>
        `${grouped(made.amount)} ${made.token} moved. Spot ${grouped(made.spot_balance_after)}, perp ${grouped(made.perp_balance_after)}.`
      }
    >
      <Choice label="Direction" options={DIRECTIONS} value={direction} onChange={setDirection} />
      {able.length > 1 && (
        <Select
          label="Token"
          value={symbol}
          options={able.map((one) => [one.symbol, one.symbol] as const)}
          onChange={setSymbol}
        />
      )}
      <AmountField value={amount} bounds={bounds} onInput={setAmount} />
    </JobForm>
  )
}
