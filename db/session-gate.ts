/**
 * Every statement of a session caller carries its session, and Postgres refuses the statement once that session has ended.
 * It costs no round trip of its own, and it stands in one place, so that no read and no verb can forget it.
 */

/** A verified token, as the ledger knows it. */
export interface SessionRef {
  account: string
  /** Unix seconds, by the clock of whoever issued it. */
  issuedAt: number
  /** How often the account had signed out everywhere when it was issued; null where the token does not say. */
  generation: number | null
  /** SHA-256 (hex) of what the token's signature signs. */
  id: string
}

/**
 * The same statement, refused with `session_ended` where the session has. The condition depends on no row, so Postgres
 * decides it before the first row of the statement, and also where there is none.
 */
export function gated(
  text: string,
  params: unknown[],
  { account, issuedAt, generation, id }: SessionRef,
): [text: string, params: unknown[]] {
  const at = (offset: number) => `$${params.length + offset}`
  const gate = `ledger.require_session(${at(1)}, ${at(2)}::bigint, ${at(3)}::integer, decode(${at(4)}, 'hex'))`
  return [
    `select * from (${text}) as statement where (select ${gate})`,
    [...params, account, issuedAt, generation, id],
  ]
}
