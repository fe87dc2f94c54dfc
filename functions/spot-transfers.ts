import * as z from 'zod/mini'
import { MOVEMENT_KINDS, readHistory, type HistoryRow } from '../db/ledger/history.ts'
import { serve } from './_lib/http/serve.ts'
import { read } from './_lib/access/read.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { ApiError } from './_lib/errors.ts'
import { reads } from './_lib/ledgers.ts'
import { HISTORY_SCAN_MAX } from './_lib/limits.ts'
import { keyFilter, pageAnswer, pageQuery } from './_lib/http/pages.ts'
import { HISTORY_COLUMNS, historyItem, shownItem } from './_lib/money/history-item.ts'
import { TOKEN_SYMBOL, field } from './_lib/schemas.ts'

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
    idempotency_key: keyFilter('The movement that one of the account’s own keys made, at whichever endpoint'),
    ...pageQuery,
  }),
  response: z.array(historyItem),
  docs: { csv: true },
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
    const show = (row: HistoryRow) => shownItem(call.caller.account, row)
    return pageAnswer(call, filter.limit, page.rows, (row) => row.id, show, HISTORY_COLUMNS, page.scannedTo)
  },
})

export default serve('spot-transfers', spotTransfers)
