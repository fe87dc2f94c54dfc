-- The ledger with names instead of numbers, for people, tests and reports. What is hot reads the tables behind them.

create or replace function ledger.system_account(p_side "char") returns text
language sql immutable parallel safe
return case p_side when 'i' then 'issuance' when 'v' then 'vault' when 'f' then 'fees' end;

create or replace function ledger.wallet_name(p_side "char") returns text
language sql immutable parallel safe
return case when p_side in ('s', 'h') then 'spot' when p_side = 'p' then 'perp' else 'system' end;

create or replace view public.balances as
  select a.address::text as account, ledger.wallet_name(b.wallet) as wallet,
    -- Not a join: who locks rows of this view does not lock the token's.
    (select t.symbol from public.tokens t where t.token_no = b.token_no) as token, b.available, b.frozen, b.version, b.updated_at
  from ledger.balances b
  join ledger.accounts a on a.account_no = b.account_no and a.family_no = b.family_no;

-- One row for each movement.
create or replace view public.transfers as
  select m.id, (ledger.movement_kinds())[m.kind] as kind, t.symbol as token, m.amount,
    coalesce(giver.address::text, ledger.system_account(m.from_side)) as from_account, ledger.wallet_name(m.from_side) as from_wallet,
    coalesce(taker.address::text, ledger.system_account(m.to_side)) as to_account, ledger.wallet_name(m.to_side) as to_wallet,
    nullif(m.reference, '{}') as reference, ledger.time_of(m.id) as created_at
  from ledger.movements m
  join public.tokens t on t.token_no = m.token_no
  left join ledger.accounts giver on giver.account_no = m.from_no
  left join ledger.accounts taker on taker.account_no = m.to_no;

-- One row for each change of a balance, or of a side of the exchange, which has no balance after it.
create or replace view public.entries as
  select coalesce(a.address::text, ledger.system_account(e.side)) as account, e.id, m.id as transfer_id, ledger.wallet_name(e.side) as wallet,
    t.symbol as token, e.available_delta, e.frozen_delta, e.available_after, e.frozen_after, e.version
  from ledger.movements m
  cross join lateral ledger.entries_of(m) e
  join public.tokens t on t.token_no = m.token_no
  left join ledger.accounts a on a.account_no = e.account_no;

create or replace view public.idempotency_keys as
  select coalesce(a.address::text, 'admin') as account, (ledger.key_endpoints())[k.endpoint] as endpoint, k.key_id, k.request_hash,
    k.movement_id as transfer_id, k.withdrawal_id, ledger.time_of(k.movement_id) as created_at
  from ledger.idempotency_keys k
  left join ledger.movements m on m.family_no = k.family_no and m.id = k.movement_id
  left join ledger.accounts a on a.account_no = m.from_no;

create or replace view public.spot_balances as
  select b.account, b.token, b.available, b.frozen, b.version, b.updated_at from public.balances b where b.wallet = 'spot';

-- Without signatures: whoever has one can have it paid.
create or replace view public.spot_withdrawals as
  select w.id, w.account, w.token, w.amount, w.amount_in_wei, w.fee, w.recipient, w.chain_id, w.vault as vault_address, w.nonce, w.status,
    w.deadline, w.tx_hash, w.block_number, w.requested_at, w.signed_at, w.confirmed_at, w.closed_at
  from public.withdrawals w;

create or replace view public.spot_deposits as
  select d.id, d.account, coalesce(d.token, d.contract) as token, d.amount, d.amount_in_wei, d.chain_id, d.tx_hash, d.log_index, d.block_number,
    d.status, d.created_at, d.confirmed_at
  from public.deposits d;

-- What the history reads by (history.ts).
grant execute on function ledger.system_account("char"), ledger.wallet_name("char") to tidegate_reads;
