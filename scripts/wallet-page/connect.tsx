/** Before the sign-in: who is there to sign. */
import { useEffect, useState } from 'preact/hooks'
import { faultOf, type Fault } from './api.ts'
import { Card, shortened } from './parts.tsx'
import type { Playground } from './playground.ts'
import { watchWallets, type Announced } from './provider.ts'
import { developmentWallet, evmWallet, signIn, solanaWallet, type Session, type Wallet } from './wallet.ts'

interface Props {
  playground: Playground | undefined
  said: string | undefined
  onSession: (session: Session) => void
}

export function Connect({ playground, said, onSession }: Props) {
  const [wallets, setWallets] = useState<Announced[]>([])
  const [busy, setBusy] = useState<string>()
  const [fault, setFault] = useState<Fault>()
  useEffect(
    () =>
      watchWallets((wallet) =>
        setWallets((known) =>
          known.some(({ info }) => info.uuid === wallet.info.uuid) ? known : [...known, wallet],
        ),
      ),
    [],
  )
  const use = (id: string, connect: () => Promise<Wallet>) => async () => {
    setBusy(id)
    setFault(undefined)
    try {
      onSession(await signIn(await connect()))
    } catch (error) {
      setFault(faultOf(error))
      setBusy(undefined)
    }
  }
  const button = (id: string, title: string, hint: string, connect: () => Promise<Wallet>, icon?: string) => (
    <button
      type="button"
      class="wallet"
      key={id}
      disabled={busy !== undefined}
      onClick={() => void use(id, connect)()}
    >
      {icon === undefined ? (
        <span class="dot" aria-hidden="true" />
      ) : (
        <img src={icon} alt="" width="28" height="28" />
      )}
      <span class="who">
        <b>{title}</b>
        <small class={icon === undefined ? 'mono' : ''}>{busy === id ? 'Sign in your wallet …' : hint}</small>
      </span>
    </button>
  )
  return (
    <main class="door">
      <section class="pitch">
        <h1>Money you can watch move</h1>
        <p class="lead">
          Spot, perp margin, subaccounts and a vault on chain, over one ledger. Sign in with your wallet;
          every number on this page is the ledger’s own.
        </p>
        <ul class="points">
          <li>Signing in moves nothing and costs nothing.</li>
          <li>The session stays in this page’s memory and ends with it.</li>
          <li>
            Everything here is an API call: <a href="/docs">the reference</a> has each of them.
          </li>
        </ul>
      </section>
      <div class="doors">
        {said !== undefined && (
          <p class="told unknown" role="status">
            {said}
          </p>
        )}
        <Card title="Sign in with a wallet">
          {wallets.map(({ info, provider }) =>
            button(
              info.uuid,
              info.name,
              'in this browser',
              async () => await evmWallet(info.name, provider),
              info.icon,
            ),
          )}
          {wallets.length === 0 && (
            <p class="note">
              No wallet was found in this browser. One that speaks EIP-6963 appears here by itself.
            </p>
          )}
        </Card>
        {playground && (
          <Card title="Development accounts" note="Of this local stack alone: their keys are public.">
            <div class="wallets">
              {playground.evm.map((account, at) =>
                button(
                  account,
                  `Account ${at + 1}`,
                  shortened(account),
                  async () => await developmentWallet(account),
                ),
              )}
              {playground.solana.map((one, at) =>
                button(
                  one.address,
                  `Solana ${at + 1}`,
                  shortened(one.address),
                  async () => await solanaWallet(one),
                ),
              )}
            </div>
          </Card>
        )}
        {fault && (
          <div class="told bad" role="alert">
            <p>{fault.text}</p>
            <p class="mono small">{fault.detail}</p>
          </div>
        )}
      </div>
    </main>
  )
}
