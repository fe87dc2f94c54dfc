-- Why: Postgres reads the CHECK constraints of a table anew with every statement, regular expressions and all, and those of
-- a domain once per connection: a movement costs it a tenth less. Rules of one value are domains, rules between columns
-- stay checks of their table.
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
