/** Withdrawals as the state machines they are, each with what can be done about it now. */
import { useState } from 'preact/hooks'
import { grouped } from './amounts.ts'
import type { Withdrawal } from './api.ts'
import { Card, Copyable, countdown, Outcome, timeText, useNow } from './parts.tsx'
import type { LocalChain } from './use-local-chain.ts'
import { useJob } from './use-job.ts'
import type { Withdrawals } from './use-withdrawals.ts'
import type { VaultState } from './vault.ts'
import { isOpen, stepOf, stepsFor, type Step } from './withdrawal-steps.ts'

/** Of those that are over, until somebody asks for more. */
const OVER_SHOWN = 3

interface Props {
  withdrawals: Withdrawals
  chain: LocalChain | undefined
}

export function WithdrawalList({ withdrawals, chain }: Props) {
  const { list } = withdrawals
  const now = useNow()
  const [all, setAll] = useState(false)
  const over = all ? [] : list?.filter((one) => !isOpen(one)).slice(OVER_SHOWN)
  const shown = list?.filter((one) => !over?.includes(one))
  return (
    <Card title="Withdrawals" area="withdrawals">
      {list?.length === 0 && (
        <p class="empty">None yet. One that you ask for appears here, and stays until it is over.</p>
      )}
      <ul class="plain">
        {shown?.map((one) => (
          <One key={one.id} withdrawal={one} {...{ withdrawals, chain, now }} />
        ))}
      </ul>
      {over !== undefined && over.length > 0 && (
        <button type="button" class="quiet older" onClick={() => setAll(true)}>
          Show older ones
        </button>
      )}
    </Card>
  )
}

interface OneProps extends Props {
  withdrawal: Withdrawal
  now: number
}

function One({ withdrawal, withdrawals, chain, now }: OneProps) {
  const { id, amount, token, tx_hash: hash, requested_at: at } = withdrawal
  const sent = withdrawals.sent[id]
  const step = stepOf(withdrawal, withdrawals.vault, sent, now)
  const shown = hash ?? sent?.hash
  return (
    <li class={`withdrawal ${isOpen(withdrawal) ? 'open' : ''}`} data-withdrawal={id} data-step={step}>
      <div class="what">
        <b class="amount">
          {grouped(amount)} {token}
        </b>
        <small>
          {timeText(at)} · nonce {withdrawal.nonce}
          {shown !== undefined && (
            <>
              {' · '}
              <Copyable text={shown} label={`tx ${shown.slice(0, 8)}…`} />
            </>
          )}
        </small>
      </div>
      <Machine step={step} />
      {isOpen(withdrawal) && <Next {...{ withdrawal, withdrawals, chain, now, step }} />}
    </li>
  )
}

function Machine({ step }: { step: Step }) {
  const steps = stepsFor(step)
  const at = steps.findIndex(([one]) => one === step)
  return (
    <ol class={`machine ${step}`} aria-label="State">
      {steps.map(([one, name], number) => (
        <li
          key={one}
          class={number < at ? 'past' : number === at ? 'now' : 'to-come'}
          aria-current={number === at ? 'step' : undefined}
        >
          {name}
        </li>
      ))}
    </ol>
  )
}

function Next({ withdrawal, withdrawals, chain, now, step }: OneProps & { step: Step }) {
  const { vault } = withdrawals
  const job = useJob(async () => await withdrawals.send(withdrawal))
  const waits = vault !== undefined && vault.next < withdrawal.nonce
  return (
    <div class="next">
      <p>{explained(withdrawal, step, vault, now, waits)}</p>
      <div class="buttons">
        {(step === 'signed' || job.isBusy) && (
          <button type="button" class="main" disabled={job.isBusy || waits} onClick={() => void job.run()}>
            {job.isBusy
              ? step === 'sent'
                ? 'Waiting for its block …'
                : 'Your wallet sends it …'
              : 'Send to vault'}
          </button>
        )}
        {chain !== undefined && step === 'signed' && <ChainButton chain={chain} name="hour" />}
        {chain !== undefined && (step === 'mined' || step === 'late') && (
          <ChainButton chain={chain} name="mine" />
        )}
        {chain !== undefined && (step === 'mined' || step === 'late') && (
          <ChainButton chain={chain} name="settle" />
        )}
      </div>
      <Outcome job={job} done={() => 'The vault took it.'} />
    </div>
  )
}

export const CHAIN_BUTTONS = { mine: 'Mine 2 blocks', hour: 'One hour later', settle: 'Settle now' } as const

export function ChainButton({ chain, name }: { chain: LocalChain; name: keyof typeof CHAIN_BUTTONS }) {
  return (
    <button
      type="button"
      class="quiet"
      disabled={chain.busy !== undefined}
      onClick={() => void chain.act(name)}
    >
      {chain.busy === name ? 'Working …' : CHAIN_BUTTONS[name]}
    </button>
  )
}

function explained(
  { deadline }: Withdrawal,
  step: Step,
  vault: VaultState | undefined,
  now: number,
  waits: boolean,
): string {
  const left = countdown(deadline - Math.max(now, vault?.time ?? 0))
  switch (step) {
    case 'reserved':
      return 'The amount is frozen, and being signed. If that fails it comes back by itself.'
    case 'signed':
      return waits
        ? `The vault takes signatures in order: send the earlier one first. ${left} left.`
        : `Signed. The vault pays it to you for another ${left}; after that it comes back to spot.`
    case 'sent':
      return 'Sent: waiting for a block that holds it.'
    case 'mined':
      return 'The vault has paid. Once the block is final, the cron function confirms it.'
    case 'late':
      return 'The deadline has passed, so the vault pays it no more. It comes back once a final block proves it unused.'
    case 'confirmed':
    case 'expired':
    case 'released':
      return ''
  }
}
