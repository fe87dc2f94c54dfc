/** The local chain's panel: what its clock says, and the buttons that move it. */
import { Card, timeText, useNow } from './parts.tsx'
import type { LocalChain } from './use-local-chain.ts'
import { ChainButton } from './withdrawals.tsx'

const NOTABLY_AHEAD_SECONDS = 120

export function LocalChainPanel({ chain }: { chain: LocalChain }) {
  const now = useNow()
  const { state, said } = chain
  const ahead = state === undefined ? 0 : state.time - now
  return (
    <Card title="Local chain" area="chain">
      <dl class="facts">
        <div>
          <dt>Head</dt>
          <dd class="amount">{state?.head ?? '–'}</dd>
        </div>
        <div>
          <dt>Final</dt>
          <dd class="amount">{state?.finalized ?? '–'}</dd>
        </div>
        <div class="wide">
          <dt>Its clock</dt>
          <dd class="amount">{state === undefined ? '–' : timeText(state.time)}</dd>
        </div>
      </dl>
      <div class="buttons">
        <ChainButton chain={chain} name="mine" />
        <ChainButton chain={chain} name="hour" />
        <ChainButton chain={chain} name="settle" />
      </div>
      <p class="note" role="status">
        {said ??
          (ahead > NOTABLY_AHEAD_SECONDS
            ? `The chain is ${Math.round(ahead / 60)} min ahead of this machine: new withdrawals have so much less time.`
            : 'A block is final when two more are on it. The cron function settles each minute by itself.')}
      </p>
    </Card>
  )
}
