-- Why: every table, as db/schema.ts has it. drizzle-kit writes neither PARTITION BY nor a domain's plain name: both were
-- put in afterwards. The history is partitioned by month through its uuid v7.
CREATE TABLE "ledger"."accounts" (
	"account_no" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "ledger"."accounts_account_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"address" "ledger_account" NOT NULL,
	"family_no" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ledger"."balances" (
	"family_no" bigint NOT NULL,
	"account_no" bigint NOT NULL,
	"token_no" smallint NOT NULL,
	"wallet" "balance_wallet" NOT NULL,
	"available" "amount_not_negative" DEFAULT '0' NOT NULL,
	"frozen" "amount_not_negative" DEFAULT '0' NOT NULL,
	"version" bigint DEFAULT 0 NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "balances_family_no_account_no_token_no_wallet_pk" PRIMARY KEY("family_no","account_no","token_no","wallet")
);
--> statement-breakpoint
CREATE TABLE "ledger"."idempotency_keys" (
	"family_no" bigint NOT NULL,
	"key_id" uuid NOT NULL,
	"request_hash" uuid NOT NULL,
	"movement_id" uuid NOT NULL,
	"withdrawal_id" uuid,
	"endpoint" smallint NOT NULL,
	CONSTRAINT "idempotency_keys_family_no_key_id_pk" PRIMARY KEY("family_no","key_id")
);
--> statement-breakpoint
CREATE TABLE "ledger"."movements" (
	"family_no" bigint NOT NULL,
	"id" uuid NOT NULL,
	"from_no" bigint,
	"to_no" bigint,
	"from_version" bigint,
	"to_version" bigint,
	"kind" smallint NOT NULL,
	"token_no" smallint NOT NULL,
	"from_side" "movement_side" NOT NULL,
	"to_side" "movement_side" NOT NULL,
	"amount" "amount_positive" NOT NULL,
	"from_available" numeric(38, 18),
	"from_frozen" numeric(38, 18),
	"to_available" numeric(38, 18),
	"to_frozen" numeric(38, 18),
	"reference" jsonb DEFAULT '{}'::jsonb NOT NULL,
	CONSTRAINT "movements_family_no_id_pk" PRIMARY KEY("family_no","id")
) PARTITION BY RANGE ("id");
--> statement-breakpoint
CREATE TABLE "spot_admin_credits" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_address" text NOT NULL,
	"token" text NOT NULL,
	"amount" numeric(38, 18) NOT NULL,
	"reason" text,
	"admin_actor" text NOT NULL,
	"transfer_id" uuid NOT NULL,
	"request_id" text,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "spot_admin_credits_amount_positive" CHECK ("spot_admin_credits"."amount" > 0 and "spot_admin_credits"."amount" < 'NaN'),
	CONSTRAINT "spot_admin_credits_reason_short" CHECK (length("spot_admin_credits"."reason") <= 500)
);
--> statement-breakpoint
CREATE TABLE "tokens" (
	"symbol" text PRIMARY KEY NOT NULL,
	"decimals" smallint NOT NULL,
	"chain_id" bigint,
	"contract" text,
	"transferable" boolean DEFAULT false NOT NULL,
	"withdrawable" boolean DEFAULT false NOT NULL,
	"min_withdraw" numeric(38, 18) DEFAULT '0' NOT NULL,
	"token_no" smallint GENERATED ALWAYS AS IDENTITY (sequence name "tokens_token_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 32767 START WITH 1 CACHE 1),
	CONSTRAINT "tokens_token_no_unique" UNIQUE("token_no"),
	CONSTRAINT "tokens_symbol_is_plain" CHECK ("tokens"."symbol" ~ '^[A-Za-z0-9._-]{1,32}$'),
	CONSTRAINT "tokens_decimals_fit_the_ledger" CHECK ("tokens"."decimals" between 0 and 18),
	CONSTRAINT "tokens_contract_is_an_address" CHECK ("tokens"."contract" ~ '^0x[0-9a-f]{40}$'),
	CONSTRAINT "tokens_withdrawable_has_a_contract" CHECK (not "tokens"."withdrawable" or ("tokens"."contract" is not null and "tokens"."chain_id" is not null)),
	CONSTRAINT "tokens_min_withdraw_not_negative" CHECK ("tokens"."min_withdraw" >= 0 and "tokens"."min_withdraw" < 'NaN')
);
--> statement-breakpoint
CREATE TABLE "counter_doubts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account" "evm_address" NOT NULL,
	"chain_id" bigint NOT NULL,
	"vault" "evm_address" NOT NULL,
	"counter" bigint NOT NULL,
	"blocks" boolean NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"last_seen_at" timestamp with time zone NOT NULL,
	"cleared_at" timestamp with time zone,
	"cleared_why" text,
	CONSTRAINT "counter_doubts_not_negative" CHECK ("counter_doubts"."counter" >= 0),
	CONSTRAINT "counter_doubts_cleared_has_a_reason" CHECK (("counter_doubts"."cleared_at" is null) = ("counter_doubts"."cleared_why" is null))
);
--> statement-breakpoint
CREATE TABLE "withdrawal_nonces" (
	"account" text NOT NULL,
	"chain_id" bigint NOT NULL,
	"vault" text NOT NULL,
	"next_on_chain" bigint NOT NULL,
	CONSTRAINT "withdrawal_nonces_account_chain_id_vault_pk" PRIMARY KEY("account","chain_id","vault"),
	CONSTRAINT "withdrawal_nonces_not_negative" CHECK ("withdrawal_nonces"."next_on_chain" >= 0)
);
--> statement-breakpoint
CREATE TABLE "withdrawals" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account" "evm_address" NOT NULL,
	"token" text NOT NULL,
	"amount" "amount_positive" NOT NULL,
	"amount_in_wei" "wei_positive" NOT NULL,
	"fee" "amount_not_negative" DEFAULT '0' NOT NULL,
	"recipient" "evm_address" NOT NULL,
	"chain_id" bigint NOT NULL,
	"vault" "evm_address" NOT NULL,
	"contract" "evm_address" NOT NULL,
	"nonce" bigint NOT NULL,
	"deadline" bigint NOT NULL,
	"status" text NOT NULL,
	"signature" text,
	"given_back_reason" text,
	"idempotency_key" text,
	"tx_hash" text,
	"block_number" bigint,
	"content_hash" "bytea",
	"ordinal" integer,
	"log_index" integer,
	"requested_at" timestamp with time zone NOT NULL,
	"looked_at" timestamp with time zone,
	"signed_at" timestamp with time zone,
	"confirmed_at" timestamp with time zone,
	"closed_at" timestamp with time zone,
	CONSTRAINT "withdrawals_nonce_not_negative" CHECK ("withdrawals"."nonce" >= 0),
	CONSTRAINT "withdrawals_status_is_known" CHECK ("withdrawals"."status" in ('reserved', 'signed', 'confirmed', 'expired', 'released')),
	CONSTRAINT "withdrawals_given_back_reason_is_known" CHECK (case "withdrawals"."status" when 'released' then "withdrawals"."given_back_reason" is not null and "withdrawals"."given_back_reason" in ('signer_unavailable', 'sign_failed', 'chain_unavailable', 'chain_behind', 'counter_unexplained', 'counter_contradicted', 'vault_unfit', 'ledger_restored', 'witness_unavailable', 'not_stored', 'paused', 'reservation_timeout')
        when 'expired' then coalesce("withdrawals"."given_back_reason" in ('nonce_used', 'vault_disowned'), true) else "withdrawals"."given_back_reason" is null end),
	CONSTRAINT "withdrawals_signature_belongs_to_state" CHECK (("withdrawals"."signature" is not null) = ("withdrawals"."status" in ('signed', 'confirmed', 'expired')) and "withdrawals"."signature" ~ '^0x[0-9a-f]{130}$'),
	CONSTRAINT "withdrawals_confirmed_has_its_event" CHECK (("withdrawals"."status" = 'confirmed') = (num_nulls("withdrawals"."tx_hash", "withdrawals"."content_hash", "withdrawals"."ordinal", "withdrawals"."block_number", "withdrawals"."log_index", "withdrawals"."confirmed_at") = 0))
);
--> statement-breakpoint
CREATE TABLE "chain_cursors" (
	"chain_id" bigint NOT NULL,
	"vault" text NOT NULL,
	"block_number" bigint NOT NULL,
	"block_hash" text NOT NULL,
	"block_timestamp" bigint NOT NULL,
	"first_block" bigint DEFAULT 0 NOT NULL,
	"rescan_from" bigint,
	"behind" bigint DEFAULT 0 NOT NULL,
	"node_limits" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"signer" text,
	"signer_read_at" timestamp with time zone,
	CONSTRAINT "chain_cursors_chain_id_vault_pk" PRIMARY KEY("chain_id","vault"),
	CONSTRAINT "chain_cursors_signer_was_read" CHECK (("chain_cursors"."signer" is null) = ("chain_cursors"."signer_read_at" is null))
);
--> statement-breakpoint
CREATE TABLE "chain_logs" (
	"chain_id" bigint NOT NULL,
	"tx_hash" text NOT NULL,
	"content_hash" "bytea" GENERATED ALWAYS AS (ledger.content_hash(vault, topics, data)) STORED NOT NULL,
	"ordinal" integer NOT NULL,
	"vault" text NOT NULL,
	"block_number" bigint NOT NULL,
	"block_hash" text NOT NULL,
	"block_timestamp" bigint NOT NULL,
	"log_index" integer NOT NULL,
	"topics" text[] NOT NULL,
	"data" text NOT NULL,
	"event" text NOT NULL,
	"account" text,
	"status" text DEFAULT 'pending' NOT NULL,
	"reason" text,
	"stored_at" timestamp with time zone DEFAULT now() NOT NULL,
	"processed_at" timestamp with time zone,
	CONSTRAINT "chain_logs_chain_id_tx_hash_content_hash_ordinal_pk" PRIMARY KEY("chain_id","tx_hash","content_hash","ordinal"),
	CONSTRAINT "chain_logs_status_is_known" CHECK ("chain_logs"."status" in ('pending', 'processed', 'quarantined', 'resolved')),
	CONSTRAINT "chain_logs_quarantine_has_a_reason" CHECK ("chain_logs"."status" <> 'quarantined' or "chain_logs"."reason" is not null)
);
--> statement-breakpoint
CREATE TABLE "debts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"token" text NOT NULL,
	"amount" numeric(38, 18) NOT NULL,
	"withdrawal_id" uuid,
	"chain_id" bigint NOT NULL,
	"tx_hash" text NOT NULL,
	"content_hash" "bytea" NOT NULL,
	"ordinal" integer NOT NULL,
	"log_index" integer NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"settled_at" timestamp with time zone,
	"settled_why" text,
	CONSTRAINT "debts_amount_not_negative" CHECK ("debts"."amount" >= 0 and "debts"."amount" < 'NaN'),
	CONSTRAINT "debts_settled_for_a_reason" CHECK (("debts"."settled_at" is null) = ("debts"."settled_why" is null))
);
--> statement-breakpoint
CREATE TABLE "deposits" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"token" text,
	"contract" text NOT NULL,
	"amount" numeric(38, 18),
	"amount_in_wei" numeric(78, 0) NOT NULL,
	"chain_id" bigint NOT NULL,
	"tx_hash" text NOT NULL,
	"content_hash" "bytea" NOT NULL,
	"ordinal" integer NOT NULL,
	"log_index" integer NOT NULL,
	"block_number" bigint NOT NULL,
	"status" text NOT NULL,
	"transfer_id" uuid,
	"created_at" timestamp with time zone NOT NULL,
	"confirmed_at" timestamp with time zone,
	"returned_at" timestamp with time zone,
	"returned_why" text,
	CONSTRAINT "deposits_returned_are_not_credited" CHECK ("deposits"."returned_at" is null or ("deposits"."status" = 'unsupported' and "deposits"."returned_why" is not null)),
	CONSTRAINT "deposits_status_is_known" CHECK ("deposits"."status" in ('credited', 'unsupported')),
	CONSTRAINT "deposits_credited_has_its_movement" CHECK (("deposits"."status" = 'credited') = ("deposits"."transfer_id" is not null and "deposits"."token" is not null and "deposits"."amount" is not null))
);
--> statement-breakpoint
CREATE TABLE "coin_explanations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"chain_id" bigint NOT NULL,
	"vault" text NOT NULL,
	"contract" text NOT NULL,
	"amount_in_wei" numeric(78, 0) NOT NULL,
	"recorded_by" text NOT NULL,
	"why" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "coin_explanations_amount_is_one" CHECK ("coin_explanations"."amount_in_wei" <> 0 and "coin_explanations"."amount_in_wei" < 'NaN'),
	CONSTRAINT "coin_explanations_have_a_reason" CHECK ("coin_explanations"."recorded_by" <> '' and "coin_explanations"."why" <> '')
);
--> statement-breakpoint
CREATE TABLE "solvency_checks" (
	"chain_id" bigint NOT NULL,
	"vault" text NOT NULL,
	"token" text NOT NULL,
	"block_number" bigint NOT NULL,
	"vault_in_wei" numeric(78, 0) NOT NULL,
	"owed_in_wei" numeric(78, 0) NOT NULL,
	"checked_at" timestamp with time zone NOT NULL,
	"took_ms" integer NOT NULL,
	CONSTRAINT "solvency_checks_chain_id_vault_token_pk" PRIMARY KEY("chain_id","vault","token")
);
--> statement-breakpoint
CREATE TABLE "vault_coins" (
	"chain_id" bigint NOT NULL,
	"vault" text NOT NULL,
	"contract" text NOT NULL,
	"deposited_in_wei" numeric DEFAULT '0' NOT NULL,
	"paid_in_wei" numeric DEFAULT '0' NOT NULL,
	"agreed_block" bigint,
	"checked_block" bigint,
	"unexplained_in_wei" numeric,
	"checked_at" timestamp with time zone,
	CONSTRAINT "vault_coins_chain_id_vault_contract_pk" PRIMARY KEY("chain_id","vault","contract"),
	CONSTRAINT "vault_coins_not_negative" CHECK ("vault_coins"."deposited_in_wei" >= 0 and "vault_coins"."deposited_in_wei" < 'Infinity' and "vault_coins"."paid_in_wei" >= 0 and "vault_coins"."paid_in_wei" < 'Infinity'),
	CONSTRAINT "vault_coins_looked_at_whole" CHECK (num_nulls("vault_coins"."checked_block", "vault_coins"."unexplained_in_wei", "vault_coins"."checked_at") in (0, 3))
);
--> statement-breakpoint
CREATE TABLE "agent_wallets" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"agent_wallet" text NOT NULL,
	"bound_at" timestamp with time zone NOT NULL,
	"revoked_at" timestamp with time zone,
	CONSTRAINT "agent_wallets_not_itself" CHECK ("agent_wallets"."agent_wallet" <> "agent_wallets"."account")
);
--> statement-breakpoint
CREATE TABLE "api_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"label" text,
	"key_hash" "bytea" NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"revoked_at" timestamp with time zone,
	CONSTRAINT "api_keys_hash_is_sha256" CHECK (length("api_keys"."key_hash") = 32),
	CONSTRAINT "api_keys_label_short" CHECK (length("api_keys"."label") <= 100)
);
--> statement-breakpoint
CREATE TABLE "ended_sessions" (
	"id" "bytea" PRIMARY KEY NOT NULL,
	"account" "ledger_account" NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "ended_sessions_id_is_sha256" CHECK (length("ended_sessions"."id") = 32)
);
--> statement-breakpoint
CREATE TABLE "login_nonces" (
	"account" text PRIMARY KEY NOT NULL,
	"next_nonce" bigint NOT NULL,
	"last_login_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "session_cutoffs" (
	"account" "ledger_account" PRIMARY KEY NOT NULL,
	"generation" integer NOT NULL,
	"valid_from" bigint NOT NULL,
	"changed_at" timestamp with time zone NOT NULL,
	CONSTRAINT "session_cutoffs_generation_positive" CHECK ("session_cutoffs"."generation" > 0)
);
--> statement-breakpoint
CREATE TABLE "signed_messages" (
	"digest" "bytea" PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"transfer_id" uuid,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "signed_messages_digest_is_sha256" CHECK (length("signed_messages"."digest") = 32)
);
--> statement-breakpoint
CREATE TABLE "stream_listeners" (
	"account" text PRIMARY KEY NOT NULL,
	"listens_until" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "subaccounts" (
	"subaccount" text PRIMARY KEY NOT NULL,
	"main_account" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	"ended_why" text,
	CONSTRAINT "subaccounts_ended_for_a_reason" CHECK (("subaccounts"."ended_at" is null) = ("subaccounts"."ended_why" is null)),
	CONSTRAINT "subaccounts_not_of_itself" CHECK ("subaccounts"."subaccount" <> "subaccounts"."main_account")
);
--> statement-breakpoint
CREATE TABLE "alerts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"key" text NOT NULL,
	"kind" text NOT NULL,
	"detail" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"last_seen_at" timestamp with time zone NOT NULL,
	"times_seen" integer DEFAULT 1 NOT NULL,
	"notified_at" timestamp with time zone,
	"tell_failures" integer DEFAULT 0 NOT NULL,
	"tell_after" timestamp with time zone,
	"resolved_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "ledger_marks" (
	"id" uuid PRIMARY KEY NOT NULL
);
--> statement-breakpoint
CREATE TABLE "restores" (
	"id" uuid PRIMARY KEY NOT NULL,
	"noticed_at" timestamp with time zone NOT NULL,
	"lost" uuid[] NOT NULL,
	"signers" text[] NOT NULL,
	"reconciled_at" timestamp with time zone,
	"reconciled_by" text,
	"reconciled_why" text,
	"signer_after" text,
	CONSTRAINT "restores_lost_something" CHECK (cardinality("restores"."lost") > 0),
	CONSTRAINT "restores_know_who_signed" CHECK (cardinality("restores"."signers") > 0),
	CONSTRAINT "restores_reconciled_whole" CHECK (num_nulls("restores"."reconciled_at", "restores"."reconciled_by", "restores"."reconciled_why", "restores"."signer_after") in (0, 4))
);
--> statement-breakpoint
CREATE TABLE "settle_runs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"finished_at" timestamp with time zone NOT NULL,
	"summary" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "switches" (
	"name" text PRIMARY KEY NOT NULL,
	"engaged" boolean NOT NULL,
	"reason" text,
	"changed_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "ledger"."balances" ADD CONSTRAINT "balances_account_no_accounts_account_no_fk" FOREIGN KEY ("account_no") REFERENCES "ledger"."accounts"("account_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ledger"."balances" ADD CONSTRAINT "balances_token_no_tokens_token_no_fk" FOREIGN KEY ("token_no") REFERENCES "public"."tokens"("token_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "withdrawals" ADD CONSTRAINT "withdrawals_token_tokens_symbol_fk" FOREIGN KEY ("token") REFERENCES "public"."tokens"("symbol") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "accounts_by_address" ON "ledger"."accounts" USING btree ("address");--> statement-breakpoint
CREATE INDEX "movements_by_giver" ON "ledger"."movements" USING btree ("from_no","id");--> statement-breakpoint
CREATE INDEX "movements_by_taker" ON "ledger"."movements" USING btree ("to_no","id") WHERE "ledger"."movements"."to_no" is distinct from "ledger"."movements"."from_no";--> statement-breakpoint
CREATE INDEX "spot_admin_credits_by_account" ON "spot_admin_credits" USING btree ("user_address","id" DESC NULLS LAST);--> statement-breakpoint
CREATE UNIQUE INDEX "tokens_chain_contract" ON "tokens" USING btree ("chain_id","contract");--> statement-breakpoint
CREATE UNIQUE INDEX "counter_doubts_one_open_an_account" ON "counter_doubts" USING btree ("account","chain_id","vault") WHERE "counter_doubts"."cleared_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "withdrawals_one_live_row_a_nonce" ON "withdrawals" USING btree ("chain_id","vault","account","nonce") WHERE "withdrawals"."status" in ('reserved', 'signed', 'confirmed');--> statement-breakpoint
CREATE UNIQUE INDEX "withdrawals_one_unsigned_an_account" ON "withdrawals" USING btree ("chain_id","vault","account") WHERE "withdrawals"."status" = 'reserved';--> statement-breakpoint
CREATE INDEX "withdrawals_by_account" ON "withdrawals" USING btree ("account","id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "withdrawals_signed_by_deadline" ON "withdrawals" USING btree ("deadline","id") WHERE "withdrawals"."status" = 'signed';--> statement-breakpoint
CREATE INDEX "withdrawals_reserved_by_time" ON "withdrawals" USING btree ("requested_at") WHERE "withdrawals"."status" = 'reserved';--> statement-breakpoint
CREATE UNIQUE INDEX "withdrawals_once_an_event" ON "withdrawals" USING btree ("chain_id","tx_hash","content_hash","ordinal") WHERE "withdrawals"."status" = 'confirmed';--> statement-breakpoint
CREATE INDEX "chain_logs_pending" ON "chain_logs" USING btree ("chain_id","block_number","log_index") WHERE "chain_logs"."status" = 'pending';--> statement-breakpoint
CREATE INDEX "chain_logs_quarantined" ON "chain_logs" USING btree ("account") WHERE "chain_logs"."status" in ('quarantined', 'resolved');--> statement-breakpoint
CREATE UNIQUE INDEX "debts_once_an_event" ON "debts" USING btree ("chain_id","tx_hash","content_hash","ordinal");--> statement-breakpoint
CREATE UNIQUE INDEX "deposits_once_an_event" ON "deposits" USING btree ("chain_id","tx_hash","content_hash","ordinal");--> statement-breakpoint
CREATE INDEX "deposits_by_account" ON "deposits" USING btree ("account","id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "deposits_unsupported" ON "deposits" USING btree ("chain_id","contract","id") WHERE "deposits"."status" = 'unsupported';--> statement-breakpoint
CREATE INDEX "coin_explanations_by_coin" ON "coin_explanations" USING btree ("chain_id","vault","contract");--> statement-breakpoint
CREATE UNIQUE INDEX "agent_wallets_one_account_a_key" ON "agent_wallets" USING btree ("agent_wallet") WHERE "agent_wallets"."revoked_at" is null;--> statement-breakpoint
CREATE INDEX "agent_wallets_by_account" ON "agent_wallets" USING btree ("account","id" DESC NULLS LAST) WHERE "agent_wallets"."revoked_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "api_keys_by_hash" ON "api_keys" USING btree ("key_hash");--> statement-breakpoint
CREATE INDEX "api_keys_live_by_account" ON "api_keys" USING btree ("account","id" DESC NULLS LAST) WHERE "api_keys"."revoked_at" is null;--> statement-breakpoint
CREATE INDEX "ended_sessions_by_expiry" ON "ended_sessions" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "signed_messages_by_expiry" ON "signed_messages" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "subaccounts_by_main" ON "subaccounts" USING btree ("main_account","created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "alerts_one_open_a_key" ON "alerts" USING btree ("key") WHERE "alerts"."resolved_at" is null;
