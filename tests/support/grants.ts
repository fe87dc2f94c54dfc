/** The whole of what a stolen connection string can do: a new right fails the tests until it is written here. */
import type { Job } from '../../db/logins.ts'

/** Which functions of schema `ledger` the login of each job may execute. */
export const EXECUTABLE: Record<Job, readonly string[]> = {
  reads: [
    'account_of_api_key',
    'entries_of',
    'first_id',
    'half_hash',
    'key_endpoints',
    'key_id',
    'listen',
    'movement_kinds',
    'require_session',
    'system_account',
    'take_a_lock',
    'taker_id',
    'time_of',
    'wallet_name',
  ],
  sessions: [
    'create_api_key',
    'next_login_nonce',
    'require_session',
    'revoke_api_key',
    'sign_in',
    'sign_out',
  ],
  transfers: ['require_session', 'transfer'],
  withdrawals: [
    'account_of_api_key',
    'give_back',
    'refuse_counter',
    'report_vault',
    'report_wrong_key',
    'require_session',
    'reserve',
    'store_signature',
  ],
  signed: [
    'bind_agent',
    'create_subaccount',
    'list_agents',
    'list_subaccounts',
    'revoke_agents',
    'transfer_in_family',
  ],
  admin: ['credit'],
  settle: [
    'check_coins',
    'check_open_withdrawals',
    'check_readable',
    'check_solvency',
    'credit_listed_deposits',
    'end_reservations',
    'ensure_partitions',
    'expire',
    'finish_run',
    'mark_run',
    'note_alerts_told',
    'note_reading',
    'other_vaults',
    'raise_alert',
    'record_logs',
    'record_rescan',
    'report_no_vault',
    'report_vault_differs',
    'request_rescan',
    'run_upkeep',
    'settle_counters',
    'settle_events',
    'stale_reservations',
    'start_cursor',
  ],
  public: ['take_a_lock'],
}

const TOKEN = ['symbol', 'decimals', 'chain_id', 'contract', 'transferable', 'withdrawable', 'min_withdraw']
const EVERY_COLUMN = 'every column'

/** Which columns it may read, by table. Where it is not named, none. */
export const READABLE: Record<Job, Readonly<Record<string, readonly string[] | typeof EVERY_COLUMN>>> = {
  reads: {
    'public.tokens': ['symbol', 'token_no'],
    'ledger.accounts': EVERY_COLUMN,
    'ledger.balances': EVERY_COLUMN,
    'ledger.movements': EVERY_COLUMN,
    'ledger.idempotency_keys': ['family_no', 'key_id', 'movement_id'],
    'public.subaccounts': ['subaccount', 'main_account'],
    'public.deposits': [
      ...['id', 'account', 'token', 'amount', 'amount_in_wei', 'chain_id', 'tx_hash', 'log_index'],
      ...['block_number', 'status', 'created_at', 'confirmed_at'],
    ],
  },
  sessions: { 'public.api_keys': ['id', 'account', 'label', 'created_at', 'revoked_at'] },
  transfers: { 'public.tokens': TOKEN },
  withdrawals: {
    'public.withdrawals': [
      ...[
        'id',
        'account',
        'token',
        'contract',
        'amount',
        'amount_in_wei',
        'fee',
        'recipient',
        'chain_id',
        'vault',
        'nonce',
      ],
      ...[
        'status',
        'deadline',
        'signature',
        'tx_hash',
        'block_number',
        'requested_at',
        'confirmed_at',
        'idempotency_key',
      ],
    ],
    'public.withdrawal_nonces': ['account', 'chain_id', 'vault', 'next_on_chain'],
  },
  signed: {},
  admin: { 'public.tokens': TOKEN },
  settle: {
    'public.tokens': ['symbol', 'contract', 'chain_id'],
    'public.withdrawals': ['id', 'account', 'chain_id', 'vault', 'status', 'deadline'],
    'public.counter_doubts': ['account', 'chain_id', 'vault', 'cleared_at'],
    'public.chain_cursors': [
      ...['chain_id', 'vault', 'block_number', 'block_hash', 'block_timestamp', 'rescan_from', 'behind'],
      'node_limits',
    ],
    'public.chain_logs': ['chain_id', 'tx_hash', 'block_hash', 'block_timestamp'],
    'public.solvency_checks': ['chain_id', 'vault', 'token', 'checked_at', 'took_ms'],
  },
  public: { 'public.tokens': TOKEN },
}

export const mayRead = (job: Job, table: string, column: string): boolean => {
  const columns = READABLE[job][table] ?? []
  return columns === EVERY_COLUMN || columns.includes(column)
}
