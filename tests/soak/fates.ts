/** What becomes of signatures once their client has them. Nobody waits here for anything but the chain. */
import type { PrivateKeyAccount } from 'viem/accounts'
import { count, type Books } from './books.ts'
import { between, weighted, type Random } from './random.ts'
import type { Signed, Vault } from './vault.ts'

/**
 * - prompt: sent as soon as its turn has come. impatient: sent at once, out of order too, and once more when its turn comes.
 * - twice: sent two times in a row. brink: sent in the last seconds. late: sent after the deadline. never: never sent.
 */
export type Fate = 'prompt' | 'impatient' | 'twice' | 'brink' | 'late' | 'never'

const WEIGHTS: Record<Fate, number> = { prompt: 42, impatient: 12, twice: 10, brink: 12, late: 8, never: 16 }
/** Before the deadline; a block comes about every second, so that some of these are too late. */
const BRINK_SECONDS_MAX = 3

export interface Choice {
  fate: Fate
  brinkSeconds: number
}
export interface Holder {
  vault: Vault
  books: Books
  wallet: PrivateKeyAccount
}

export const chooseFate = (random: Random): Choice => ({
  fate: weighted(random, WEIGHTS),
  brinkSeconds: between(random, 0.5, BRINK_SECONDS_MAX),
})

export async function meetFate(holder: Holder, row: Signed, { fate, brinkSeconds }: Choice): Promise<void> {
  const { vault, wallet, books } = holder
  count(books.fates, fate)
  if (fate === 'prompt') await inTurn(holder, row)
  else if (fate === 'impatient') await atOnce(holder, row)
  else if (fate === 'twice') await Promise.all([inTurn(holder, row), inTurn(holder, row)])
  else if (fate === 'brink') {
    await vault.miner.when((head) => head.timestamp >= row.deadline - brinkSeconds)
    await vault.withdraw(wallet, row)
  } else if (fate === 'late') {
    await vault.miner.when((head) => head.timestamp > row.deadline)
    if (await vault.withdraw(wallet, row))
      books.violations.push(`withdrawal ${row.id} was paid past its deadline`)
  }
}

async function atOnce(holder: Holder, row: Signed): Promise<void> {
  if (!(await holder.vault.withdraw(holder.wallet, row))) await inTurn(holder, row)
}

/** Several signatures of one account: sent in the wrong order, then in the right one. */
export async function backwards(holder: Holder, rows: Signed[]): Promise<void> {
  for (const _ of rows) count(holder.books.fates, 'backwards')
  const first = await Promise.all(
    rows.toReversed().map(async (row) => ({ row, paid: await holder.vault.withdraw(holder.wallet, row) })),
  )
  const left = first.filter(({ paid }) => !paid).map(({ row }) => row)
  await Promise.all(left.map(async (row) => await inTurn(holder, row)))
}

/** Waits for the turn as long as the signature is good; one that is not will never be sent. */
async function inTurn({ vault, wallet }: Holder, row: Signed): Promise<void> {
  const head = await vault.miner.when((at) => vault.isNext(wallet, row) || at.timestamp > row.deadline)
  if (head.timestamp <= row.deadline) await vault.withdraw(wallet, row)
}
