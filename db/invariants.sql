-- Every promise the ledger makes, as a query that finds its violations. `npm run verify`, the cron function and the tests
-- run these in one snapshot. One query each, ended by a semicolon, its name in the comment above it.

-- invariant: for each token the sum of all entries is zero
select token from public.entries group by token having sum(available_delta + frozen_delta) <> 0;

-- invariant: each balance equals the sum of its entries
select coalesce(b.account, e.account), coalesce(b.wallet, e.wallet), coalesce(b.token, e.token)
from public.balances b
full join (
  select account, wallet, token, sum(available_delta) as available, sum(frozen_delta) as frozen, count(*) as changes
  from public.entries where wallet <> 'system' group by account, wallet, token
) e on e.account = b.account and e.wallet = b.wallet and e.token = b.token
where b.available is distinct from e.available or b.frozen is distinct from e.frozen;

-- invariant: a balance's version is the number of its entries
select b.account from public.balances b
left join (
  select account, wallet, token, count(*) as changes, max(version) as newest
  from public.entries where wallet <> 'system' group by account, wallet, token
) e on e.account = b.account and e.wallet = b.wallet and e.token = b.token
where b.version is distinct from coalesce(e.changes, 0) or b.version is distinct from coalesce(e.newest, 0);

-- invariant: no balance is negative or not a number
select account from public.balances
where not (available >= 0 and available < 'NaN' and frozen >= 0 and frozen < 'NaN');

-- invariant: an entry's balance after follows from the entry before it
select account from (
  select account, available_after, frozen_after, available_delta, frozen_delta, version,
    lag(available_after, 1, 0::numeric) over w as available_before,
    lag(frozen_after, 1, 0::numeric) over w as frozen_before,
    lag(version, 1, 0::bigint) over w as version_before
  from public.entries where wallet <> 'system'
  window w as (partition by account, wallet, token order by version)
) chain
where available_before + available_delta <> available_after or frozen_before + frozen_delta <> frozen_after
  or version_before + 1 <> version;

-- invariant: each transfer's legs sum to zero and match its amount
select t.id from public.transfers t
left join public.entries e on e.transfer_id = t.id
group by t.id, t.amount
having count(e.id) not in (1, 2) or sum(e.available_delta + e.frozen_delta) is distinct from 0
  or max(greatest(e.available_delta, e.frozen_delta)) is distinct from t.amount;

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

-- invariant: every credited deposit has its movement, once
select d.id from public.deposits d
left join public.transfers t on t.id = d.transfer_id and t.kind = 'deposit' and t.amount = d.amount and t.to_account = d.account
where d.status = 'credited' and t.id is null;

-- invariant: every admin credit has its movement and its audit row, once
select coalesce(t.id, c.transfer_id) from (select id, amount, to_account from public.transfers where kind = 'credit') t
full join public.spot_admin_credits c on c.transfer_id = t.id
where t.id is null or c.id is null or t.amount <> c.amount or t.to_account <> c.user_address;

-- invariant: an idempotency key names at most one movement, and a movement at most one key
select transfer_id from public.idempotency_keys where transfer_id is not null group by transfer_id having count(*) > 1;

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
