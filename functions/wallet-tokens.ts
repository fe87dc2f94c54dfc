import * as z from 'zod/mini'
import { listTokens } from '../db/ledger/tokens.ts'
import { serve } from './_lib/http/serve.ts'
import { open } from './_lib/access/open.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { publicReads } from './_lib/ledgers.ts'
import { amountOut, field, tokenIn, unixSeconds } from './_lib/schemas.ts'

export const walletTokens = endpoint({
  method: 'GET',
  path: '/wallet/tokens',
  tag: 'Public',
  summary: 'List the tokens and what can be done with them',
  access: open,
  ledger: publicReads,
  query: z.strictObject({}),
  response: z.object({
    success: field(z.literal(true), 'Always true', true),
    data: field(
      z.array(
        z.object({
          symbol: tokenIn(),
          decimals: field(z.number(), 'Decimals an amount may have', 6),
          chainId: field(z.nullable(z.number()), 'EVM chain of the contract', 31337),
          contract: field(
            z.nullable(z.string()),
            'Token contract; the zero address is the native coin',
            '0x5fbdb2315678afecb367f032d93f642f64180aa3',
          ),
          transferable: field(z.boolean(), 'May move between perp and spot', true),
          withdrawable: field(z.boolean(), 'May be withdrawn to the chain', false),
          min_withdraw: amountOut('Smallest withdrawal', '1'),
        }),
      ),
      'Every token, by symbol',
    ),
    error: field(z.null(), 'Always null', null),
    timestamp: unixSeconds('When it was read'),
  }),
  handle: async (call) => {
    const rows = await listTokens(call.db)
    const data = rows.map(({ minWithdraw, ...row }) => ({ ...row, min_withdraw: minWithdraw }))
    return { success: true, data, error: null, timestamp: call.now }
  },
})

export default serve('wallet-tokens', walletTokens)
