/** To a subaccount and back: makes the keys, the subaccount and the agent first, where they are not there yet. */
import { useState } from 'preact/hooks'
import { amountProblem, grouped, minus, plus } from './amounts.ts'
import type { Token } from './api.ts'
import { AmountField } from './amount-field.tsx'
import { Change, JobForm } from './job-form.tsx'
import { Choice, Outcome, Select, shortened } from './parts.tsx'
import { NOTHING, type Account } from './use-account.ts'
import { useJob } from './use-job.ts'
import type { Subaccounts } from './use-subaccounts.ts'

interface Props {
  account: Account
  tokens: Token[]
  subaccounts: Subaccounts
}

export function SubaccountJob(props: Props) {
  const { subaccounts } = props
  if (subaccounts.keyring === undefined) return <Unlock {...props} />
  return subaccounts.list.length === 0 ? <Create {...props} isFirst /> : <Move {...props} />
}

function Unlock({ subaccounts }: Props) {
  const job = useJob(async () => await subaccounts.unlock())
  return (
    <div class="steps">
      <p>
        Subaccounts keep money apart. Their keys follow from your wallet’s signature, so your wallet alone can
        make them again.
      </p>
      <ol>
        <li>Your wallet signs a text, twice: it must give the same keys each time.</li>
        <li>It binds this page’s agent key, which may move money to your subaccounts and nowhere else.</li>
      </ol>
      <button type="button" class="main" disabled={job.isBusy} onClick={() => void job.run()}>
        {job.isBusy ? 'Your wallet signs …' : 'Unlock subaccounts'}
      </button>
      <Outcome job={job} done={() => ''} />
    </div>
  )
}

function Create({ subaccounts, isFirst }: Props & { isFirst?: true }) {
  const job = useJob(async () => await subaccounts.create())
  return (
    <div class="steps">
      {isFirst && (
        <p>This account has no subaccount yet. Its key signs the offer, and your wallet confirms it.</p>
      )}
      <button
        type="button"
        class={isFirst ? 'main' : 'quiet'}
        disabled={job.isBusy}
        onClick={() => void job.run()}
      >
        {job.isBusy ? 'Working …' : isFirst ? 'Create a subaccount' : 'Create another'}
      </button>
      <Outcome job={job} done={(address) => `Subaccount ${shortened(address)} is there.`} />
    </div>
  )
}

type Way = 'to' | 'back'
const WAYS = [
  ['to', 'To subaccount'],
  ['back', 'Back to main'],
] as const

function Move(props: Props) {
  const { account, tokens, subaccounts } = props
  const { list } = subaccounts
  const [way, setWay] = useState<Way>('to')
  const [address, setAddress] = useState(list[0]?.address ?? '')
  const [symbol, setSymbol] = useState(tokens[0]?.symbol ?? '')
  const [amount, setAmount] = useState('')
  const sub = list.find((one) => one.address === address) ?? list[0]
  const toSub = way === 'to'
  const main = (account.spot[symbol] ?? NOTHING).available
  const held = sub?.spot.find(({ token }) => token === symbol)?.available ?? '0'
  const decimals = tokens.find((one) => one.symbol === symbol)?.decimals ?? 18
  const bounds = { symbol, decimals, available: toSub ? main : held }
  const problem =
    sub === undefined || (!toSub && sub.key === undefined)
      ? 'The key of this subaccount was not made by this wallet’s page: only its owner can move from it.'
      : amountProblem(amount, bounds)
  const job = useJob(
    async (key) => {
      if (sub !== undefined) await subaccounts.move({ sub, toSub, symbol, amount }, key)
      return { amount, symbol }
    },
    () => setAmount(''),
  )
  const [less, more] = [
    (from: string) => grouped(minus(from, amount)),
    (from: string) => grouped(plus(from, amount)),
  ]
  return (
    <>
      <JobForm
        job={job}
        verb={toSub ? 'Move to subaccount' : 'Move back'}
        problem={problem}
        preview={
          problem === undefined && (
            <>
              <Change name="Main" from={grouped(main)} to={toSub ? less(main) : more(main)} />
              <Change name="Sub" from={grouped(held)} to={toSub ? more(held) : less(held)} />
            </>
          )
        }
        done={(made) => `${grouped(made.amount)} ${made.symbol} moved, signed in this browser.`}
      >
        <Choice label="Direction" options={WAYS} value={way} onChange={setWay} />
        <div class="pair">
          <Select
            label="Subaccount"
            value={address}
            options={list.map((one) => [one.address, shortened(one.address)] as const)}
            onChange={setAddress}
          />
          <Select
            label="Token"
            value={symbol}
            options={tokens.map((one) => [one.symbol, one.symbol] as const)}
            onChange={setSymbol}
          />
        </div>
        <AmountField value={amount} bounds={bounds} onInput={setAmount} />
      </JobForm>
      <Create {...props} />
    </>
  )
}
