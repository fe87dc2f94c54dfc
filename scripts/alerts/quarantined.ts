/** Quarantined logs as a person names them, and the booking of what one of them paid. */
import type { Query, Said } from './decide.ts'

interface Quarantined {
  chain_id: string
  tx_hash: string
  content_hash: Buffer
  ordinal: number
  log: string
}

/** The quarantined log of that name, or the only one of its transaction. */
export async function quarantined(
  query: Query,
  txHash: string,
  log: string | undefined,
): Promise<Quarantined> {
  const rows = await query<Quarantined>(
    `select chain_id, tx_hash, content_hash, ordinal, ledger.log_name(content_hash, ordinal) as log
     from chain_logs where tx_hash = $1 and status = 'quarantined' order by content_hash, ordinal`,
    [txHash],
  )
  const named = log === undefined ? rows : rows.filter((row) => row.log === log)
  if (named.length > 1)
    throw new Error(`that transaction has several: name one of\n${named.map((row) => row.log).join('\n')}`)
  if (!named[0]) throw new Error('there is no such quarantined log')
  return named[0]
}

export async function book(query: Query, [hash = '', log]: string[], { why }: Said): Promise<string> {
  const { chain_id, tx_hash, content_hash, ordinal } = await quarantined(query, hash, log)
  const [row] = await query<{ result: { booked: boolean; reason: string } }>(
    'select ledger.book_payment($1, $2, $3, $4, $5) as result',
    [chain_id, tx_hash, content_hash, ordinal, why],
  )
  if (!row?.result.booked) throw new Error(`not booked: ${row?.result.reason}`)
  return row.result.reason
}
