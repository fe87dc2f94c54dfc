-- What settle found when it asked the vault itself. Signing pauses whether there are withdrawals or not: a signature that the
-- vault does not take freezes an amount for nothing. What an event has told already is not told twice.
-- p_differs: {signer: {configured, vault}, domain: {configured, vault}, paused: true}, only what differs.
create or replace function ledger.report_vault_differs(p_chain_id bigint, p_vault text, p_block bigint, p_differs jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_names text := (select string_agg(d.name, ', ' order by d.name) from jsonb_object_keys(p_differs) d(name));
begin
  if exists (select from jsonb_object_keys(p_differs) d(name) where not exists (
      select from public.alerts a where a.resolved_at is null and a.kind = case d.name when 'signer' then 'vault_signer_changed'
        when 'domain' then 'vault_domain_changed' when 'paused' then 'vault_paused' end)) then
    perform ledger.raise_alert('vault_differs', 'vault_differs',
      jsonb_build_object('chain_id', p_chain_id, 'vault', p_vault, 'block', p_block, 'differs', p_differs));
  end if;
  perform ledger.pause_withdrawals('settle: the vault differs from the configuration: ' || v_names);
end $$;

-- p_code: there is a contract, and it does not answer as a vault does.
create or replace function ledger.report_no_vault(p_chain_id bigint, p_vault text, p_block bigint, p_code boolean) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform ledger.raise_alert('no_vault', 'no_vault',
    jsonb_build_object('chain_id', p_chain_id, 'vault', p_vault, 'block', p_block, 'contract', p_code));
  perform ledger.pause_withdrawals('settle: VAULT_ADDRESS is no vault');
end $$;

-- A withdrawal was refused, since the newest block says that the vault takes no signature made with this configuration. Nothing
-- is paused on one node's word; settle looks at a final block. Where only the requests are configured wrongly, settle finds
-- nothing, so this is closed by a person. A pause of the vault is no fault: settle tells of it.
create or replace function ledger.report_vault(p_id uuid, p_faults jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.withdrawals;
  v_faults jsonb := (select jsonb_agg(known.name order by known.name) from unnest(array['code', 'contract', 'signer', 'domain']) known(name)
    where p_faults ? known.name);
begin
  select * into v_row from public.withdrawals w where w.id = p_id;
  if found and v_faults is not null then
    perform ledger.raise_alert('vault_unfit', 'vault_unfit',
      jsonb_build_object('withdrawal_id', p_id, 'chain_id', v_row.chain_id, 'vault', v_row.vault, 'faults', v_faults));
  end if;
end $$;

revoke all on function ledger.report_vault_differs(bigint, text, bigint, jsonb), ledger.report_no_vault(bigint, text, bigint, boolean),
  ledger.report_vault(uuid, jsonb) from public;
grant execute on function ledger.report_vault_differs(bigint, text, bigint, jsonb), ledger.report_no_vault(bigint, text, bigint, boolean) to tidegate_settle;
grant execute on function ledger.report_vault(uuid, jsonb) to tidegate_withdrawals;
