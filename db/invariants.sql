-- Every promise the ledger makes, as a query that finds its violations. `npm run verify` and the tests run these in one
-- snapshot; settle looks at the frozen balances itself, and oftener (solvency.sql). One query each, ended by a semicolon, its
-- name in the comment above it.

-- invariant: for each token the sum of all entries is zero
select m.token_no from ledger.movements m cross join lateral ledger.entries_of(m) e
group by m.token_no having sum(e.available_delta + e.frozen_delta) <> 0;

-- invariant: each balance equals the sum of its entries
select coalesce(b.account_no, e.account_no), coalesce(b.token_no, e.token_no), coalesce(b.wallet, e.side)
from ledger.balances b
full join (
  select m.family_no, e.account_no, m.token_no, e.side, sum(e.available_delta) as available, sum(e.frozen_delta) as frozen
  from ledger.movements m cross join lateral ledger.entries_of(m) e where e.account_no is not null group by 1, 2, 3, 4
) e on e.family_no = b.family_no and e.account_no = b.account_no and e.token_no = b.token_no and e.side = b.wallet
where b.available is distinct from e.available or b.frozen is distinct from e.frozen;

-- invariant: a balance's version is the number of its entries
select b.account_no from ledger.balances b
left join (
  select m.family_no, e.account_no, m.token_no, e.side, count(*) as changes, max(e.version) as newest
  from ledger.movements m cross join lateral ledger.entries_of(m) e where e.account_no is not null group by 1, 2, 3, 4
) e on e.family_no = b.family_no and e.account_no = b.account_no and e.token_no = b.token_no and e.side = b.wallet
where b.version is distinct from coalesce(e.changes, 0) or b.version is distinct from coalesce(e.newest, 0);

-- invariant: no balance is negative or not a number
select account_no from ledger.balances
where not (available >= 0 and available < 'NaN' and frozen >= 0 and frozen < 'NaN');

-- invariant: an entry's balance after follows from the entry before it
select account_no from (
  select e.account_no, e.available_after, e.frozen_after, e.available_delta, e.frozen_delta, e.version,
    lag(e.available_after, 1, 0::numeric) over w as available_before,
    lag(e.frozen_after, 1, 0::numeric) over w as frozen_before,
    lag(e.version, 1, 0::bigint) over w as version_before
  from ledger.movements m cross join lateral ledger.entries_of(m) e where e.account_no is not null
  window w as (partition by e.account_no, m.token_no, e.side order by e.version)
) chain
where available_before + available_delta <> available_after or frozen_before + frozen_delta <> frozen_after
  or version_before + 1 <> version;

-- invariant: a movement gives to one side what it takes from the other, and the last bit of its id is 0
select m.id from ledger.movements m cross join lateral ledger.entries_of(m) e
group by m.id, m.amount
having count(*) not in (1, 2) or sum(e.available_delta + e.frozen_delta) <> 0
  or max(greatest(e.available_delta, e.frozen_delta)) <> m.amount or right(m.id::text, 1) ~ '[13579bdf]';

-- invariant: every balance and every side of a movement is of the family that its row names
select a.account_no from ledger.accounts a join ledger.balances b on b.account_no = a.account_no where b.family_no <> a.family_no
union all
select a.account_no from ledger.movements m cross join lateral ledger.entries_of(m) e
join ledger.accounts a on a.account_no = e.account_no where m.family_no <> a.family_no;

-- invariant: an account's family is that of its main account, and every subaccount is an account
select coalesce(a.address, s.subaccount) from ledger.accounts a
full join public.subaccounts s on s.subaccount = a.address
left join ledger.accounts main on main.address = coalesce(s.main_account, a.address)
where main.account_no is null or main.account_no is distinct from a.family_no;

-- invariant: every number of an account or a token is one that exists
select b.account_no from ledger.balances b
left join ledger.accounts a on a.account_no = b.account_no left join public.tokens t on t.token_no = b.token_no
where a.account_no is null or t.token_no is null
union all
select e.account_no from ledger.movements m cross join lateral ledger.entries_of(m) e
left join ledger.accounts a on a.account_no = e.account_no left join public.tokens t on t.token_no = m.token_no
where t.token_no is null or (e.account_no is not null and a.account_no is null);

-- invariant: a movement's kind is known, and its sides are those of the kind
select m.id from ledger.movements m where not coalesce(case (ledger.movement_kinds())[m.kind]
  when 'perp_to_spot' then m.from_side = 'p' and m.to_side = 's' and m.from_no = m.to_no
  when 'spot_to_perp' then m.from_side = 's' and m.to_side = 'p' and m.from_no = m.to_no
  when 'credit' then m.from_side = 'i' and m.to_side = 's'
  when 'withdraw_reserve' then m.from_side = 's' and m.to_side = 'h' and m.from_no = m.to_no
  when 'withdraw_release' then m.from_side = 'h' and m.to_side = 's' and m.from_no = m.to_no
  when 'withdraw_expire' then m.from_side = 'h' and m.to_side = 's' and m.from_no = m.to_no
  when 'withdraw_confirm' then m.from_side = 'h' and m.to_side = 'v'
  when 'withdraw_fee' then m.from_side = 'h' and m.to_side = 'f'
  when 'withdraw_paid_after_expiry' then m.from_side = 's' and m.to_side = 'v'
  when 'withdraw_recovered' then m.from_side = 's' and m.to_side = 'v'
  when 'deposit' then m.from_side = 'v' and m.to_side = 's'
  when 'subaccount_spot_transfer' then m.from_side = 's' and m.to_side = 's'
  when 'subaccount_perp_transfer' then m.from_side = 'p' and m.to_side = 'p' end, false);

-- invariant: frozen equals the reserved and signed withdrawals of the account and token
select coalesce(b.account, w.account) from (select account, token, frozen from public.balances where wallet = 'spot') b
full join (
  select account, token, sum(amount + fee) as held from public.withdrawals
  where status in ('reserved', 'signed') group by account, token
) w on w.account = b.account and w.token = b.token
where coalesce(b.frozen, 0) <> coalesce(w.held, 0);

-- invariant: nothing is frozen in perp margin
select account from public.balances where wallet = 'perp' and frozen <> 0;

-- invariant: at most one live withdrawal for an account, chain, vault and nonce
select account from public.withdrawals where status in ('reserved', 'signed', 'confirmed')
group by chain_id, vault, account, nonce having count(*) > 1;

-- invariant: every confirmed withdrawal has exactly one stored event
select w.id from public.withdrawals w
left join public.chain_logs l on (l.chain_id, l.tx_hash, l.content_hash, l.ordinal) = (w.chain_id, w.tx_hash, w.content_hash, w.ordinal)
  and l.event = 'withdrawal' and l.status = 'processed'
where w.status = 'confirmed'
group by w.id having count(l.tx_hash) <> 1;

-- invariant: every processed withdrawal event settled exactly one withdrawal
select l.tx_hash from public.chain_logs l
left join public.withdrawals w on (w.chain_id, w.tx_hash, w.content_hash, w.ordinal) = (l.chain_id, l.tx_hash, l.content_hash, l.ordinal)
where l.event = 'withdrawal' and l.status = 'processed'
group by l.chain_id, l.tx_hash, l.content_hash, l.ordinal having count(w.id) <> 1;

-- invariant: every credited deposit has its movement, once, and every movement of a deposit its deposit
select coalesce(t.id, d.transfer_id) from (select id, amount, to_account, token from public.transfers where kind = 'deposit') t
full join (select transfer_id, id, amount, account, token from public.deposits where status = 'credited') d on d.transfer_id = t.id
group by 1 having count(t.id) <> 1 or count(d.id) <> 1 or min(d.amount) <> min(t.amount) or min(d.account) <> min(t.to_account)
  or min(d.token) <> min(t.token);

-- invariant: every admin credit has its movement and its audit row, once
select coalesce(t.id, c.transfer_id) from (select id, amount, to_account from public.transfers where kind = 'credit') t
full join public.spot_admin_credits c on c.transfer_id = t.id
where t.id is null or c.id is null or t.amount <> c.amount or t.to_account <> c.user_address;

-- invariant: an idempotency key names one movement of its own family, and a movement at most one key
select k.key_id from ledger.idempotency_keys k
left join ledger.movements m on m.id = k.movement_id and (m.family_no = k.family_no or (k.family_no = 0 and m.from_no is null))
where m.id is null or (ledger.key_endpoints())[k.endpoint] is null
union all
select min(k.key_id::text)::uuid from ledger.idempotency_keys k group by k.movement_id having count(*) > 1;

-- invariant: a withdrawal that was asked with a key has that key for ever, and none once its reservation was given back
select w.id from public.withdrawals w
left join ledger.idempotency_keys k on k.withdrawal_id = w.id
where case when w.status = 'released' then k.key_id is not null
  else w.idempotency_key is not null
    and k.key_id is distinct from ledger.key_id(w.account::text, 'spot-withdraw-request', w.idempotency_key) end;

-- invariant: nobody owes the exchange for a payment that was also given back
select id from public.debts where settled_at is null;

-- invariant: no account is both a main account and a subaccount
select s.subaccount from public.subaccounts s join public.subaccounts m on m.main_account = s.subaccount;

-- invariant: every movement between accounts on a wallet's signature is between a main account and its subaccount
select t.id from public.transfers t
left join public.subaccounts s on (s.subaccount = t.from_account and s.main_account = t.to_account)
  or (s.subaccount = t.to_account and s.main_account = t.from_account)
where t.kind in ('subaccount_spot_transfer', 'subaccount_perp_transfer')
  and (s.subaccount is null or t.from_account = t.to_account or t.from_wallet <> t.to_wallet);

-- invariant: every processed deposit event is among the deposits, once
select l.tx_hash from public.chain_logs l
left join public.deposits d on (d.chain_id, d.tx_hash, d.content_hash, d.ordinal) = (l.chain_id, l.tx_hash, l.content_hash, l.ordinal)
where l.event = 'deposit' and l.status = 'processed'
group by l.chain_id, l.tx_hash, l.content_hash, l.ordinal having count(d.id) <> 1;

-- invariant: every deposit stands on a stored event of its own
select d.id from public.deposits d
left join public.chain_logs l on (l.chain_id, l.tx_hash, l.content_hash, l.ordinal) = (d.chain_id, d.tx_hash, d.content_hash, d.ordinal)
  and l.event = 'deposit' and l.account = d.account
where l.tx_hash is null;

-- invariant: events that say the same in one transaction are counted from 0 without a gap
select l.tx_hash from public.chain_logs l group by l.chain_id, l.tx_hash, l.content_hash having max(l.ordinal) + 1 <> count(*) or min(l.ordinal) <> 0;

-- invariant: what a vault took in and paid out of each token is the sum of its stored events
select coalesce(v.contract, e.contract) from public.vault_coins v
full join (
  select l.chain_id, l.vault, c.contract, sum(c.deposited) as deposited, sum(c.paid) as paid
  from public.chain_logs l cross join lateral ledger.coins_of(l.event, l.topics, l.data) c group by 1, 2, 3
) e on (e.chain_id, e.vault, e.contract) = (v.chain_id, v.vault, v.contract)
where coalesce(v.deposited_in_wei, 0) <> coalesce(e.deposited, 0) or coalesce(v.paid_in_wei, 0) <> coalesce(e.paid, 0);
