-- Why: Postgres reads the CHECK constraints of a table anew with every statement, regular expressions and all, and those of
-- a domain once per connection: a movement costs it a tenth less. Rules of one value are domains, rules between columns
-- stay checks of their table.
create domain ledger_account as text collate "C"
  constraint ledger_account_is_an_address check (value ~ '^(0x[0-9a-f]{40}|[1-9A-HJ-NP-Za-km-z]{32,44})$');
--> statement-breakpoint
create domain evm_address as text constraint evm_address_is_lower_case_hex check (value ~ '^0x[0-9a-f]{40}$');
--> statement-breakpoint
create domain balance_wallet as "char" constraint balance_wallet_is_known check (value in ('s', 'p'));
--> statement-breakpoint
create domain movement_side as "char" constraint movement_side_is_known check (value in ('s', 'h', 'p', 'i', 'v', 'f'));
--> statement-breakpoint
-- numeric takes NaN, and Postgres sorts NaN above every number: "NaN >= 0" is true.
create domain amount_not_negative as numeric(38, 18) constraint amount_not_negative check (value >= 0 and value < 'NaN');
--> statement-breakpoint
create domain amount_positive as numeric(38, 18) constraint amount_positive check (value > 0 and value < 'NaN');
--> statement-breakpoint
create domain wei_positive as numeric(78, 0) constraint wei_positive check (value > 0 and value < 'NaN');
--> statement-breakpoint
create schema if not exists ledger;
--> statement-breakpoint
-- What an event of the chain says, as one value: the contract that wrote it, its topics, its data. Tables compute it themselves,
-- so that no verb can name an event by anything else.
create function ledger.content_hash(p_address text, p_topics text[], p_data text) returns bytea
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select sha256(convert_to(concat_ws(E'\n', p_address, array_to_string(p_topics, ','), p_data), 'UTF8'))
$$;
