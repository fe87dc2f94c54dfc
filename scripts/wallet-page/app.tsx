/** The page: a door until somebody has signed in, then their wallet. */
import { useCallback, useEffect, useState } from 'preact/hooks'
import { clientWith, type Token } from './api.ts'
import { Connect } from './connect.tsx'
import { Operator } from './operator.tsx'
import { findPlayground, type Playground } from './playground.ts'
import { TopBar, type View } from './top-bar.tsx'
import { useAccount } from './use-account.ts'
import { useLocalChain } from './use-local-chain.ts'
import { useSubaccounts } from './use-subaccounts.ts'
import { useWithdrawals } from './use-withdrawals.ts'
import type { Session } from './wallet.ts'
import { WalletView } from './wallet-view.tsx'

export function App() {
  const [playground, setPlayground] = useState<Playground>()
  const [tokens, setTokens] = useState<Token[]>()
  const [session, setSession] = useState<Session>()
  const [said, setSaid] = useState<string>()
  useEffect(() => {
    void findPlayground().then(setPlayground)
    void readTokens(setTokens)
  }, [])
  const end = useCallback((why?: string) => {
    setSession(undefined)
    setSaid(why)
  }, [])
  useEffect(() => watchAccount(session, end), [session, end])
  if (session === undefined || tokens === undefined)
    return (
      <>
        <TopBar />
        <Connect playground={playground} said={said} onSession={setSession} />
      </>
    )
  return <SignedIn key={session.token} {...{ session, tokens, playground, end }} />
}

interface SignedInProps {
  session: Session
  tokens: Token[]
  playground: Playground | undefined
  end: (why?: string) => void
}

function SignedIn({ session, tokens, playground, end }: SignedInProps) {
  const [view, setView] = useState<View>('wallet')
  const ended = useCallback(() => end('Your session has ended. Sign in again to go on.'), [end])
  const account = useAccount(session, ended)
  // Kept here, so that a look at the other view forgets neither keys nor what was sent.
  const subaccounts = useSubaccounts(account)
  const chain = useLocalChain(playground !== undefined, account.changed)
  const withdrawals = useWithdrawals(account, chain?.moves ?? 0)
  const leave = () => {
    void account.client.call('POST /api/v1/auth/logout', { body: {} }).catch(() => undefined)
    end()
  }
  return (
    <>
      <TopBar account={account} view={view} onView={setView} onLeave={leave} />
      {view === 'wallet' ? (
        <WalletView {...{ account, tokens, playground, subaccounts, chain, withdrawals }} />
      ) : (
        <Operator account={account} tokens={tokens} playground={playground} />
      )}
    </>
  )
}

const AGAIN_MS = 2_000

/** Without them nothing can be shown: asked for until they come. */
async function readTokens(onTokens: (tokens: Token[]) => void): Promise<void> {
  for (;;) {
    const answer = await clientWith()
      .call('GET /api/v1/wallet/tokens', {})
      .catch(() => undefined)
    if (answer !== undefined) return onTokens(answer.data)
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
}

/** A wallet that turns to another account would sign for that one, while this page shows the first. */
function watchAccount(session: Session | undefined, end: (why: string) => void): () => void {
  const provider = session?.wallet.provider
  if (session === undefined || provider === undefined) return () => undefined
  const listener = (accounts: readonly string[]) => {
    if (accounts.some((account) => account.toLowerCase() === session.wallet.account)) return
    end('Your wallet has turned to another account. Sign in with that one to go on.')
  }
  provider.on('accountsChanged', listener)
  return () => provider.removeListener('accountsChanged', listener)
}
