/** The faucet of a testnet: credits the account that is signed in, by the admin key. */
import { useState } from 'preact/hooks'
import { amountProblem, grouped, plus } from './amounts.ts'
import { adminClient, repeated, type Token } from './api.ts'
import { AmountField } from './amount-field.tsx'
import { Change, JobForm } from './job-form.tsx'
import { Select } from './parts.tsx'
import { NOTHING, type Account } from './use-account.ts'
import { useJob } from './use-job.ts'

interface Props {
  account: Account
  tokens: Token[]
  /** Of the local stack; elsewhere it is asked for. */
  adminKey: string | undefined
}

export function Credit({ account, tokens, adminKey }: Props) {
  const [symbol, setSymbol] = useState(tokens.find(({ withdrawable }) => withdrawable)?.symbol ?? '')
  const [amount, setAmount] = useState('1000')
  const [typedKey, setTypedKey] = useState('')
  const token = tokens.find((one) => one.symbol === symbol) ?? tokens[0]
  const decimals = token?.decimals ?? 18
  const key = adminKey ?? typedKey
  const bounds = { symbol, decimals }
  const problem = key === '' ? 'Credits are made with the admin key.' : amountProblem(amount, bounds)
  const job = useJob(async (idempotencyKey) => {
    const body = {
      user_address: account.session.wallet.account,
      token: symbol,
      amount,
      reason: 'wallet page',
    }
    const admin = adminClient(key)
    await repeated(
      async () => await admin.call('POST /api/v1/admin/spot/balances/credit', { body, idempotencyKey }),
    )
    return { symbol, amount }
  })
  const { available } = account.spot[symbol] ?? NOTHING
  return (
    <JobForm
      job={job}
      verb="Credit"
      problem={problem}
      preview={
        problem === undefined && (
          <Change name="Spot" from={grouped(available)} to={grouped(plus(available, amount))} />
        )
      }
      done={(made) => `${grouped(made.amount)} ${made.symbol} credited to spot.`}
    >
      <Select
        label="Token"
        value={symbol}
        options={tokens.map((one) => [one.symbol, one.symbol] as const)}
        onChange={setSymbol}
      />
      <AmountField value={amount} bounds={bounds} onInput={setAmount} />
      {adminKey === undefined && (
        <label class="field">
          <span>Admin key</span>
          <input
            type="password"
            autocomplete="off"
            value={typedKey}
            onInput={(event) => setTypedKey(event.currentTarget.value.trim())}
          />
          <small>Used for this call alone, and kept nowhere.</small>
        </label>
      )}
    </JobForm>
  )
}
