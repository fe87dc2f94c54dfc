/** Somebody's wallet: balances, the four jobs, withdrawals, the picture, history. */
import { useState } from 'preact/hooks'
import type { Token } from './api.ts'
import { Balances } from './balances.tsx'
import { Credit } from './credit.tsx'
import { History } from './history.tsx'
import { LocalChainPanel } from './local-chain.tsx'
import { Card } from './parts.tsx'
import { Picture } from './picture.tsx'
import type { Playground } from './playground.ts'
import { SubaccountJob } from './subaccount.tsx'
import { Transfer } from './transfer.tsx'
import type { Account } from './use-account.ts'
import type { LocalChain } from './use-local-chain.ts'
import type { Subaccounts } from './use-subaccounts.ts'
import type { Withdrawals } from './use-withdrawals.ts'
import { Withdraw } from './withdraw.tsx'
import { WithdrawalList } from './withdrawals.tsx'

interface Props {
  account: Account
  tokens: Token[]
  playground: Playground | undefined
  subaccounts: Subaccounts
  chain: LocalChain | undefined
  withdrawals: Withdrawals
}

const JOBS = [
  ['credit', 'Credit'],
  ['transfer', 'Transfer'],
  ['withdraw', 'Withdraw'],
  ['subaccount', 'Subaccount'],
] as const
type JobName = (typeof JOBS)[number][0]

export function WalletView(props: Props) {
  const { account, tokens, playground, subaccounts, chain, withdrawals } = props
  const [job, setJob] = useState<JobName>('credit')
  const forms = {
    credit: () => <Credit {...{ account, tokens }} adminKey={playground?.admin_key} />,
    transfer: () => <Transfer {...{ account, tokens }} />,
    withdraw: () => <Withdraw {...{ account, tokens }} />,
    subaccount: () => <SubaccountJob {...{ account, tokens, subaccounts }} />,
  }
  return (
    <main class="desk">
      <h1 class="hidden">Wallet</h1>
      <Balances {...{ account, tokens }} subaccounts={subaccounts.list} />
      <div class="side">
        <Card title="Move money" area="jobs">
          <div class="tabs" role="tablist" aria-label="Jobs">
            {JOBS.map(([name, text]) => (
              <button
                type="button"
                role="tab"
                key={name}
                id={`tab-${name}`}
                aria-selected={name === job}
                aria-controls="job"
                onClick={() => setJob(name)}
              >
                {text}
              </button>
            ))}
          </div>
          <div id="job" role="tabpanel" aria-labelledby={`tab-${job}`}>
            {forms[job]()}
          </div>
        </Card>
        {chain && <LocalChainPanel chain={chain} />}
      </div>
      <WithdrawalList {...{ withdrawals, chain }} />
      <Picture {...{ account, tokens }} />
      <History {...{ account, tokens }} />
    </main>
  )
}
