import type { EdgeRole } from '../../scripts/stack/database.ts'

/**
 * Which functions of schema `ledger` each login may execute: the whole of what a stolen connection string can do. A new
 * verb fails the test until it is written here, under exactly the role that needs it.
 */
export const EXECUTABLE: Record<EdgeRole, readonly string[]> = {
  tidegate_edge: [
    'agent_bind',
    'agent_list',
    'agent_revoke',
    'create_api_key',
    'first_id',
    'refuse_counter',
    'release',
    'report_vault',
    'report_wrong_key',
    'require_session',
    'reserve',
    'revoke_api_key',
    'sign_in',
    'sign_out',
    'store_signature',
    'subaccount_create',
    'subaccount_list',
    'subaccount_transfer',
    'transfer',
  ],
  tidegate_admin: ['credit'],
  tidegate_settle: [
    'alerts_notified',
    'check_coins',
    'check_open_withdrawals',
    'check_solvency',
    'credit_listed_deposits',
    'ensure_partitions',
    'expire',
    'finish_run',
    'not_a_vault',
    'note_reading',
    'other_vaults',
    'raise_alert',
    'record_logs',
    'record_rescan',
    'release',
    'release_stale',
    'request_rescan',
    'settle_counters',
    'settle_events',
    'start_cursor',
    'upkeep',
    'vault_differs',
  ],
}
