/** Asks for a withdrawal: the amount is reserved and signed, and the wallet can then have it paid by the vault. */
import { useState } from 'preact/hooks'
import { amountProblem, grouped, minus } from './amounts.ts'
import { repeated, type Token } from './api.ts'
import { AmountField } from './amount-field.tsx'
import { Change, JobForm } from './job-form.tsx'
import { Select } from './parts.tsx'
import { NOTHING, type Account } from './use-account.ts'
import { useJob } from './use-job.ts'

export function Withdraw({ account, tokens }: { account: Account; tokens: Token[] }) {
  const able = tokens.filter(({ withdrawable }) => withdrawable)
  const [symbol, setSymbol] = useState(able[0]?.symbol ?? '')
  const [amount, setAmount] = useState('')
  const token = able.find((one) => one.symbol === symbol)
  const { available } = account.spot[symbol] ?? NOTHING
  const bounds = { symbol, decimals: token?.decimals ?? 18, available, least: token?.min_withdraw }
  const problem =
    account.session.wallet.chain === undefined
      ? 'A withdrawal is paid on an EVM chain: sign in with an EVM account.'
      : able.length === 0
        ? 'No token can be withdrawn here.'
        : amountProblem(amount, bounds)
  const job = useJob(
    async (idempotencyKey) =>
      await repeated(
        async () =>
          await account.client.call('POST /api/v1/spot/withdraw/request', {
            body: { token: symbol, amount },
            idempotencyKey,
          }),
      ),
    () => {
      setAmount('')
      account.changed()
    },
  )
  return (
    <JobForm
      job={job}
      verb="Reserve and sign"
      problem={problem}
      preview={
        problem === undefined && (
          <Change name="Spot available" from={grouped(available)} to={grouped(minus(available, amount))} />
        )
      }
      done={(made) =>
        `${grouped(made.amount)} ${made.token} is reserved and signed: send it to the vault below.`
      }
    >
      {able.length > 1 && (
        <Select
          label="Token"
          value={symbol}
          options={able.map((one) => [one.symbol, one.symbol] as const)}
          onChange={setSymbol}
        />
      )}
      <AmountField value={amount} bounds={bounds} onInput={setAmount} />
      <p class="note">
        The vault pays this account, {account.session.wallet.account.slice(0, 6)}…, and nobody else.
      </p>
    </JobForm>
  )
}
