import type { Database } from '../../../db/client.ts'
import { findToken, type TokenRow } from '../../../db/ledger/tokens.ts'
import { amountError, amountFault } from './amount.ts'
import { ApiError } from '../errors.ts'
import { symbolOf } from '../schemas.ts'

/**
 * Refuses an amount that is wrong by grammar, but looks at the token first, as the contract orders it. A good amount
 * costs no query here: the verb itself checks the token and its decimals.
 *
 * @throws ApiError UNSUPPORTED_TOKEN, INVALID_AMOUNT, AMOUNT_NON_POSITIVE
 */
export async function checkedAmount(
  db: () => Database,
  symbol: string,
  amount: unknown,
  enabled: (token: TokenRow) => boolean,
): Promise<string> {
  if (amountFault(amount) === null) return amount as string
  const known = symbolOf(symbol)
  const token = typeof known === 'string' ? await findToken(db(), known) : undefined
  if (!token || !enabled(token)) throw new ApiError('UNSUPPORTED_TOKEN', 'this token is not enabled here')
  throw amountError(amountFault(amount, token.decimals) ?? 'INVALID_AMOUNT')
}
