-- What every verb uses: refusals, ids and their times, amounts.

-- How a verb refuses: by a name, in the message of an error whose SQLSTATE is TG000. db/errors.ts has the list of names.
create or replace function ledger.refuse(p_reason text, p_detail text default null) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if p_detail is null then
    raise exception using errcode = 'TG000', message = p_reason;
  end if;
  raise exception using errcode = 'TG000', message = p_reason, detail = p_detail;
end $$;

-- uuid v7 of a moment: 48 bits of milliseconds, 12 of what is below (together: units of 1/4096 ms), the rest random.
create or replace function ledger.new_id(p_at timestamptz) returns uuid
language sql volatile
return (overlay(lpad(to_hex(floor(extract(epoch from p_at) * 4096000)::bigint), 15, '0') placing '7' from 13 for 0)
  || right(gen_random_uuid()::text, 17))::uuid;

-- The advisory lock of a name: one of 1,024 of its kind, so that a login that asks for every name there is does not fill the table of
-- locks, which all share. Names that meet in one wait for each other's transaction, as two calls of one name do. Whoever takes several
-- takes them in the order of their numbers, each once.
create or replace function ledger.lock_of(p_kind text, p_name text) returns bigint
language sql immutable parallel safe
return (hashtextextended(p_kind, 0) & ~1023::bigint) | (hashtextextended(p_name, 0) & 1023);

-- Decimal text as the wire has it: no trailing zeros, zero is "0", never an exponent.
create or replace function ledger.amount_text(p_amount numeric) returns text
language sql immutable parallel safe as $$ select trim_scale(p_amount)::text $$;

-- When an id was made: its time to the microsecond below, so that its millisecond and its second are the same.
create or replace function ledger.time_of(p_id uuid) returns timestamptz
language sql stable parallel safe as $$
  select to_timestamp(0) + (('x' || left(translate(p_id::text, '-', ''), 12))::bit(48)::bigint * 1000
    + ((('x' || substr(p_id::text, 16, 3))::bit(12)::integer * 1000) >> 12)) * interval '1 microsecond'
$$;

create or replace function ledger.unix_seconds(p_at timestamptz) returns bigint
language sql stable parallel safe as $$ select floor(extract(epoch from p_at))::bigint $$;

-- Why a token with so many decimals cannot move an amount, as the name to refuse it by; null where it can.
-- NaN and the infinities are above every number, so the upper bound refuses them.
create or replace function ledger.amount_refusal(p_amount numeric, p_decimals integer) returns text
language sql immutable parallel safe
return case
  when p_amount is null or abs(p_amount) >= 1e20 or p_amount <> round(p_amount, p_decimals) then 'invalid_amount'
  when p_amount <= 0 then 'amount_not_positive' end;

-- The token's row, after a look at the amount.
create or replace function ledger.checked_token(p_token text, p_amount numeric) returns public.tokens
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_token public.tokens;
  v_refusal text;
begin
  select * into v_token from public.tokens t where t.symbol = p_token;
  if not found then
    perform ledger.refuse('unsupported_token');
  end if;
  v_refusal := ledger.amount_refusal(p_amount, v_token.decimals);
  if v_refusal is not null then
    perform ledger.refuse(v_refusal);
  end if;
  return v_token;
end $$;

-- What the history reads by (history.ts).
grant execute on function ledger.time_of(uuid) to tidegate_reads;
