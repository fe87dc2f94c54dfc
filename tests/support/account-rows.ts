/**
 * What the views `entries` and `idempotency_keys` show of some accounts. The views begin with everybody's rows, and the ledger
 * that the tests share has many.
 *
 * @param accounts an SQL array of addresses, as `$1`
 */
export const entriesOf = (accounts: string): string =>
  `(select a.address::text as account, e.id, m.id as transfer_id, ledger.wallet_name(e.side) as wallet,
      e.available_delta, e.frozen_delta, e.available_after, e.frozen_after, e.version
    from ledger.accounts a join ledger.movements m on m.family_no = a.family_no cross join lateral ledger.entries_of(m) e
    where a.address = any(${accounts}) and e.account_no = a.account_no)`

export const keysOf = (accounts: string): string =>
  `(select k.key_id from ledger.accounts a join ledger.movements m on m.family_no = a.family_no and m.from_no = a.account_no
    join ledger.idempotency_keys k on k.family_no = m.family_no and k.movement_id = m.id
    where a.address = any(${accounts}))`
