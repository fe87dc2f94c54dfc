import * as z from 'zod/mini'
import { MOVEMENT_KINDS, readHistory, type HistoryRow } from '../db/ledger/history.ts'
import { serve } from './_lib/http/serve.ts'
import { read } from './_lib/access/read.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { ApiError } from './_lib/errors.ts'
import { reads } from './_lib/ledgers.ts'
import { HISTORY_SCAN_MAX, IDEMPOTENCY_KEY_LENGTH_MAX } from './_lib/limits.ts'
import { pageAnswer, pageQuery } from './_lib/http/pages.ts'
import {
  TOKEN_SYMBOL,
  accountOut,
  amountOut,
  documented,
  field,
  tokenIn,
  unixSeconds,
  uuid,
} from './_lib/schemas.ts'

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
const item = z.object({
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

export const spotTransfers = endpoint({
  method: 'GET',
  path: '/spot/transfers',
  tag: 'Spot wallet',
  summary: 'The account’s ledger history, newest first',
  description:
    'One item for each change of a balance: a move between perp margin and spot changes two balances of the account, so it is two ' +
    'items with the same `transfer_id`; `wallet=spot` keeps one of them. The next page is in `Link: <…>; rel="next"`; the last ' +
    `has none. One call looks at ${HISTORY_SCAN_MAX} items at most: under a filter that few items match, a page can be short or empty ` +
    'and still have a next one.',
  access: read,
  ledger: reads,
  query: z.strictObject({
    kind: field(z.optional(z.enum(MOVEMENT_KINDS)), 'Movements of this kind only', 'deposit'),
    token: field(z.optional(z.string().check(z.regex(TOKEN_SYMBOL))), 'This token only', 'USDT'),
    wallet: field(z.optional(z.enum(['perp', 'spot'])), 'Changes of this wallet only', 'spot'),
    idempotency_key: field(
      z.optional(z.string().check(z.maxLength(IDEMPOTENCY_KEY_LENGTH_MAX), z.regex(/^[\x21-\x7e]+$/))),
      'The movement that one of the account’s own keys made, at whichever endpoint',
      'order-4711',
    ),
    ...pageQuery,
  }),
  response: z.array(item),
  handle: async (call) => {
    const { idempotency_key: idempotencyKey, ...filter } = call.query
    if (filter.start !== undefined && filter.end !== undefined && filter.start >= filter.end)
      throw new ApiError('INVALID_REQUEST', 'query: start must be before end')
    const page = await readHistory(call.db, call.caller.account, {
      kind: filter.kind,
      token: filter.token,
      wallet: filter.wallet,
      start: filter.start,
      end: filter.end,
      limit: filter.limit,
      cursor: filter.cursor,
      idempotencyKey,
      scanMax: HISTORY_SCAN_MAX,
    })
    if (!page.tokenKnown)
      throw new ApiError('INVALID_REQUEST', 'query: token is not one of GET /wallet/tokens')
    const show = (row: HistoryRow) => shown(call.caller.account, row)
    return pageAnswer(call.url, filter.limit, page.rows, (row) => row.id, show, page.scannedTo)
  },
})

function shown(account: string, row: HistoryRow): z.output<typeof item> {
  const { from_account, from_wallet, to_account, to_wallet, reference, created_at, ...entry } = row
  const from = { account: from_account, wallet: from_wallet }
  const to = { account: to_account, wallet: to_wallet }
  const paid = from.account === account && from.wallet === row.wallet
  const inside = from.account === to.account && from.wallet === to.wallet
  return {
    ...(entry as Omit<HistoryRow, 'kind' | 'wallet'> & Pick<z.output<typeof item>, 'kind' | 'wallet'>),
    counterparty: inside ? null : paid ? to : from,
    reference: visible(reference, paid ? [...SAFE_REFERENCE, ...PAYER_REFERENCE] : SAFE_REFERENCE),
    created_at,
  }
}

function visible(reference: Record<string, unknown> | null, names: string[]): Record<string, unknown> | null {
  const kept = Object.entries(reference ?? {}).filter(([name]) => names.includes(name))
  return kept.length > 0 ? Object.fromEntries(kept) : null
}

export default serve('spot-transfers', spotTransfers)
