/** What the steps of one run over a simulated chain share. */
import type { VaultKey } from '../../db/ledger/record-logs.ts'
import type { ChainStep } from './ledger-chain-draw.ts'
import type { ChainModel } from './ledger-chain-model.ts'
import type { SimulatedChain } from './ledger-chain.ts'
import type { LedgerStage } from './ledger-stage.ts'
import type { ModelToken } from './ledger-model.ts'
import type { Act, Run } from './ledger-steps.ts'

export interface World {
  stage: LedgerStage
  /** main, subaccount, stranger, Solana account, and one that the ledger has never seen. */
  cast: readonly string[]
  run: Run
  /** The run's own token, which the ledger does not know at first. */
  late: ModelToken
  key: VaultKey
  chain: SimulatedChain
  model: ChainModel
}
export type Of<V extends ChainStep['verb']> = Extract<ChainStep, { verb: V }>
export type Played = Pick<Act, 'database' | 'model'>
