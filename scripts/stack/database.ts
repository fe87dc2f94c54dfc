/** Token rows, and where coins came from: what a migrated Postgres needs before a function can use it. */
import { withClient } from '../../db/operate/connection.ts'

export interface TokenSeed {
  symbol: string
  decimals: number
  chainId: number | null
  contract: string | null
  transferable: boolean
  withdrawable: boolean
  minWithdraw: string
}

/**
 * Writes token rows; what a row says is brought up to date, and no row is removed.
 *
 * @throws Error when a token with movements would get other decimals, another chain or contract, or one the contract of
 *   another; then nothing was written
 */
export async function putTokens(databaseUrl: string, tokens: TokenSeed[]): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    // One that fails ends the connection, and the transaction with it.
    await client.query('begin')
    for (const token of tokens) {
      const { rows } = await client.query<{ symbol: string }>(
        'select symbol from public.tokens where chain_id = $1 and contract = $2 and symbol <> $3',
        [token.chainId, token.contract?.toLowerCase(), token.symbol],
      )
      if (rows[0])
        throw new Error(`${token.symbol}: its contract is that of ${rows[0].symbol}; no token was written`)
      const row = [
        token.symbol,
        token.decimals,
        token.chainId,
        token.contract?.toLowerCase() ?? null,
        token.transferable,
        token.withdrawable,
        token.minWithdraw,
      ]
      const known = await client.query(
        `update public.tokens set decimals = $2, chain_id = $3, contract = $4, transferable = $5, withdrawable = $6, min_withdraw = $7
         where symbol = $1`,
        row,
      )
      // A row that is inserted in vain takes a token's number, of which there are 32,767.
      if (known.rowCount === 0)
        await client.query(
          `insert into public.tokens (symbol, decimals, chain_id, contract, transferable, withdrawable, min_withdraw)
           values ($1, $2, $3, $4, $5, $6, $7)`,
          row,
        )
    }
    await client.query('commit')
  })
}

/** Symbols of those that a database does not have so, or not at all. */
export async function staleTokens(databaseUrl: string, tokens: readonly TokenSeed[]): Promise<string[]> {
  return await withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ there: boolean }>(
      `select to_regclass('public.tokens') is not null as there`,
    )
    if (rows[0]?.there !== true) return tokens.map(({ symbol }) => symbol)
    const stale: string[] = []
    for (const { symbol, decimals, chainId, contract, transferable, withdrawable, minWithdraw } of tokens) {
      const same = await client.query(
        `select from public.tokens where symbol = $1 and decimals = $2 and chain_id is not distinct from $3
           and contract is not distinct from lower($4) and (transferable, withdrawable, min_withdraw) = ($5, $6, $7)`,
        [symbol, decimals, chainId, contract, transferable, withdrawable, minWithdraw],
      )
      if (same.rowCount === 0) stale.push(symbol)
    }
    return stale
  })
}

/** Says where coins come from that a vault held from the start: nobody deposited them. What was said before stays. */
export async function explainReserve(
  databaseUrl: string,
  { chainId, vault, why }: { chainId: number; vault: string; why: string },
  coins: { contract: string; inWei: bigint }[],
): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    for (const { contract, inWei } of coins) {
      await client.query(
        `insert into public.coin_explanations (id, chain_id, vault, contract, amount_in_wei, recorded_by, why, created_at)
         select ledger.new_id(now()), $1, lower($2), lower($3), $4, 'the local stack', $5, now()
         where not exists (select from public.coin_explanations e where (e.chain_id, e.vault, e.contract) = ($1, lower($2), lower($3)))`,
        [chainId, vault, contract, inWei.toString(), why],
      )
    }
  })
}
