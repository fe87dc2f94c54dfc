import * as z from 'zod/mini'
import { listDeposits } from '../db/ledger/deposits.ts'
import { serve } from './_lib/http/serve.ts'
import { read } from './_lib/access/read.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { reads } from './_lib/ledgers.ts'
import { pageAnswer, pageQuery } from './_lib/http/pages.ts'
import { TOKEN_SYMBOL, field, unixSeconds, uuid } from './_lib/schemas.ts'

const status = () => z.enum(['confirmed', 'unsupported'])

const depositItem = z.object({
  id: uuid('The deposit'),
  token: field(z.nullable(z.string()), 'Symbol; null where it is unsupported', 'DF'),
  amount: field(
    z.nullable(z.string()),
    'What was credited; decimal string, whole tokens; null where it is unsupported',
    '25',
  ),
  amount_in_wei: field(
    z.string(),
    'What the vault received, in the contract’s smallest unit',
    '25000000000000000000',
  ),
  chain_id: field(z.number(), 'EVM chain id', 97),
  tx_hash: field(z.string(), 'Transaction', `0x${'ab'.repeat(32)}`),
  log_index: field(z.number(), 'Place of the event in its block', 3),
  block_number: field(z.number(), 'Block', 42_000_000),
  status: field(status(), '`confirmed` or `unsupported`', 'confirmed'),
  created_at: unixSeconds('When the ledger recorded it'),
  confirmed_at: field(z.nullable(z.number()), 'When it was credited; unix seconds', 1_760_000_000),
})

export const spotDeposits = endpoint({
  method: 'GET',
  path: '/spot/deposits',
  tag: 'Spot wallet',
  summary: 'Deposits into the vault, newest first',
  description:
    'A deposit appears, already credited, once its block is final. A contract that the ledger does not know is recorded as `unsupported` ' +
    'and credits nothing: `token` and `amount` are then null. The next page is in the `Link` header.',
  access: read,
  ledger: reads,
  query: z.strictObject({
    ...pageQuery,
    status: field(
      z.optional(status()),
      'Only deposits in this status: `confirmed` or `unsupported`',
      'confirmed',
    ),
    token: field(z.optional(z.string().check(z.regex(TOKEN_SYMBOL))), 'Only this token, by its symbol', 'DF'),
  }),
  response: z.array(depositItem),
  docs: { csv: true },
  handle: async (call) => {
    const { limit, ...filter } = call.query
    const rows = await listDeposits(
      call.db,
      call.caller.account,
      {
        status: filter.status,
        token: filter.token,
        start: filter.start,
        end: filter.end,
        cursor: filter.cursor,
      },
      limit + 1,
    )
    return pageAnswer(
      call,
      limit,
      rows,
      (row) => row.id,
      (row) => row,
      Object.keys(depositItem.shape),
    )
  },
})

export default serve('spot-deposits', spotDeposits)
