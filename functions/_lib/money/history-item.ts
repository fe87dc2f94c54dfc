/** One change of a balance, as its owner's history shows it. */
import * as z from 'zod/mini'
import { MOVEMENT_KINDS, type HistoryRow } from '../../../db/ledger/history.ts'
import { accountOut, amountOut, documented, field, tokenIn, unixSeconds, uuid } from '../schemas.ts'

/** What of a movement's reference its owner may see; anything else a verb notes there stays inside. */
const SAFE_REFERENCE = ['reason', 'withdrawal_id', 'chain_id', 'tx_hash', 'log_index', 'block_number']
/** Of use to the side that paid and nobody else's business. */
const PAYER_REFERENCE = ['agent_wallet']

const party = z.object({
  account: accountOut('An account; `issuance` and `vault` are the system’s'),
  wallet: documented(field(z.string(), 'Which of its balances', 'perp'), {
    type: 'string',
    enum: ['perp', 'spot', 'system'],
  }),
})
export const historyItem = z.object({
  id: uuid('This change of a balance'),
  transfer_id: uuid('The movement it is part of'),
  kind: field(z.enum(MOVEMENT_KINDS), 'What kind of movement', 'perp_to_spot'),
  token: tokenIn(),
  wallet: field(z.enum(['perp', 'spot']), 'Which of the account’s balances changed', 'spot'),
  amount: amountOut('What the movement moved'),
  available_delta: amountOut('What it did to the available part; signed'),
  frozen_delta: amountOut('What it did to the frozen part; signed', '0'),
  available_after: amountOut('The available part after it', '5100'),
  frozen_after: amountOut('The frozen part after it', '0'),
  version: field(z.number(), 'Version of this balance after it', 7),
  counterparty: field(
    z.nullable(party),
    'The other side; null where one balance froze or freed a part of itself',
  ),
  reference: field(
    z.nullable(z.looseObject({})),
    'What caused it: a withdrawal id, a chain log, a reason',
    null,
  ),
  created_at: unixSeconds('When it was committed'),
})

export function shownItem(account: string, row: HistoryRow): z.output<typeof historyItem> {
  const { from_account, from_wallet, to_account, to_wallet, reference, created_at, ...entry } = row
  const from = { account: from_account, wallet: from_wallet }
  const to = { account: to_account, wallet: to_wallet }
  const paid = from.account === account && from.wallet === row.wallet
  const inside = from.account === to.account && from.wallet === to.wallet
  return {
    ...(entry as Omit<HistoryRow, 'kind' | 'wallet'> & Pick<z.output<typeof historyItem>, 'kind' | 'wallet'>),
    counterparty: inside ? null : paid ? to : from,
    reference: visible(reference, paid ? [...SAFE_REFERENCE, ...PAYER_REFERENCE] : SAFE_REFERENCE),
    created_at,
  }
}

function visible(reference: Record<string, unknown> | null, names: string[]): Record<string, unknown> | null {
  const kept = Object.entries(reference ?? {}).filter(([name]) => names.includes(name))
  return kept.length > 0 ? Object.fromEntries(kept) : null
}

/** Of the history as CSV; what caused a movement is JSON in its cell. */
export const HISTORY_COLUMNS = [
  ...['id', 'transfer_id', 'kind', 'token', 'wallet', 'amount', 'available_delta', 'frozen_delta'],
  ...['available_after', 'frozen_after', 'version', 'counterparty.account', 'counterparty.wallet'],
  ...['reference', 'created_at'],
]
