/** Compares the vault itself with the configuration: its own answers count, whatever its events say or leave out. */
import { checkHoldings } from '../../../db/ledger/coins.ts'
import type { BlockMark } from '../../../db/ledger/record-logs.ts'
import { tokensToCheck } from '../../../db/ledger/solvency.ts'
import { notAVault, vaultDiffers } from '../../../db/ledger/vault-state.ts'
import type { Block } from '../chain/answers.ts'
import { ChainError } from '../chain/fault.ts'
import { keyOf, raiseOfVault } from './alerts.ts'
import { room, type Run } from './context.ts'
import { vaultDifferences, type VaultState } from '../vault/state.ts'

/** Listed tokens, what the vault holds of those whose contract can be read, and what it says of itself. */
export interface Holdings {
  listed: Awaited<ReturnType<typeof tokensToCheck>>
  inWei: Map<string, string>
  vault: VaultState
}

/**
 * Pauses signing where the vault at the final block has another signer or domain than the configuration, or is paused.
 *
 * @returns what it holds, which costs no request more; undefined when the vault cannot be read at that block
 * @throws ChainError, NodesDisagree, BudgetSpent
 */
export async function compareVault(run: Run, safe: Block): Promise<Holdings | undefined> {
  if (!room(run, 2)) return undefined
  const holdings = await holdingsAt(run, safe)
  if (!holdings) return undefined
  const { code, said } = holdings.vault
  if (!said) {
    // One wrong answer must pause nobody, so it is asked twice; and what was deployed a moment ago is not final yet.
    const newest = (await run.chain.vault([], 'latest')).vault
    if (newest.said || (!code && newest.code)) return undefined
    say(run, 'no_vault')
    await notAVault(run.db, run.key, safe.number, code)
    return undefined
  }
  run.cleared.add('no_vault')
  run.summary.vault_signer = said.signer
  const differs = vaultDifferences(run.env, said)
  if (isEmpty(differs)) run.cleared.add('vault_differs')
  else if (!(await isMended(run))) await vaultDiffers(run.db, run.key, safe.number, differs)
  return holdings
}

const isEmpty = (differs: object) => Object.keys(differs).length === 0

/** Is the newest block as it is configured? Then both were changed together, and the vault's change is not final yet. */
async function isMended(run: Run): Promise<boolean> {
  const { said } = (await run.chain.vault([], 'latest')).vault
  return said !== undefined && isEmpty(vaultDifferences(run.env, said))
}

/** What kept the logs from being read is said before. */
function say({ summary }: Run, outcome: 'no_vault' | 'state_missing'): void {
  if (summary.outcome === 'ok' || summary.outcome === 'budget') summary.outcome = outcome
}

/** Undefined where the nodes answer, but no longer know this block's state: without it nothing can be proved unused. */
export async function holdingsAt(run: Run, safe: Block): Promise<Holdings | undefined> {
  try {
    const holdings = await readHoldings(run, safe)
    run.cleared.add(keyOf(run, 'state_missing'))
    return holdings
  } catch (error) {
    const refused = error instanceof ChainError && error.method === 'eth_call' && error.fault === 'refused'
    if (!refused) throw error
    await run.chain.vault([], 'latest')
    say(run, 'state_missing')
    await raiseOfVault(run, 'state_missing', { block: safe.number })
    return undefined
  }
}

/** @throws ChainError, NodesDisagree, BudgetSpent */
async function readHoldings(run: Run, safe: Block): Promise<Holdings> {
  const listed = (run.listed ??= await tokensToCheck(run.db, run.key))
  const contracts = listed.map((token) => token.contract)
  const { block, vault, holdings } = await run.chain.vault(contracts, safe.number)
  if (block.hash !== safe.hash) throw new ChainError('nonsense', 'eth_getBlockByNumber')
  return { listed, inWei: holdings, vault }
}

/** What the vault holds, against its events and, for the configured one, against what is owed. */
export async function checkVault(
  run: Run,
  safe: BlockMark,
  solvency: boolean,
  { listed, inWei, vault }: Holdings,
): Promise<void> {
  const pause = (run.env.SOLVENCY ?? (run.env.TESTNET_ONLY ? 'report' : 'enforce')) === 'enforce'
  // A contract that cannot be read says nothing of what the vault holds; the others are checked all the same.
  const held = listed.map(({ symbol, contract, due }) => ({
    token: symbol,
    in_wei: inWei.get(contract) ?? null,
    due: solvency && due,
  }))
  await checkHoldings(run.db, run.key, safe, run.firstBlock, held, pause, vault.said?.signer)
}
