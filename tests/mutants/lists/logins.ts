import type { Area } from '../fault.ts'

/** What somebody can do who has stolen the connection string of one job. */
export const logins: Area = {
  name: 'logins',
  faults: [
    {
      file: 'db/migrations/0002_rules.sql',
      from: 'grant select (id, account, chain_id, vault, status, deadline) on public.withdrawals to tidegate_settle;',
      to: 'grant select (id, account, chain_id, vault, status, deadline, signature) on public.withdrawals to tidegate_settle;',
      why: 'settle sees signatures',
      tests: ['tests/least-privilege.test.ts'],
    },
    {
      file: 'db/migrations/0002_rules.sql',
      from: 'grant select (id, account, label, created_at, revoked_at) on public.api_keys to tidegate_sessions;',
      to: 'grant select on public.api_keys to tidegate_sessions;',
      why: 'the hashes of all API keys are read',
      tests: ['tests/least-privilege.test.ts'],
    },
    {
      file: 'db/migrations/0002_rules.sql',
      from: '  to tidegate_public, tidegate_transfers, tidegate_admin;',
      to: '  to public;',
      why: 'a column that no verb of the job needs is everybody’s',
      tests: ['tests/least-privilege.test.ts'],
    },
    {
      file: 'db/ledger/subaccount-transfer.sql',
      from: 'to tidegate_signed;',
      to: 'to tidegate_signed, tidegate_transfers;',
      why: 'whoever has the login of spot-transfer takes from one account to another',
      tests: ['tests/least-privilege.test.ts'],
    },
    {
      file: 'db/ledger/login-settings.sql',
      from: "('public', '3s')",
      to: "('public', '60s')",
      why: 'the login of health may keep a connection busy for a minute',
      tests: ['tests/least-privilege.test.ts'],
    },
    {
      file: 'functions/_lib/ledgers.ts',
      from: "ledger('public', 'PUBLIC_DATABASE_URL')",
      to: "ledger('public', 'READS_DATABASE_URL')",
      why: 'health has a login that reads every balance',
      tests: ['tests/ledgers.test.ts'],
    },
    {
      file: 'db/operate/logins.ts',
      from: "    'select ledger.reset_login_settings()',\n",
      to: '',
      why: 'what a thief set on a login outlasts its password',
      tests: ['tests/migrate-logins.test.ts'],
    },
    {
      file: 'db/operate/sessions.ts',
      from: 'if (rows.length === 0) return 0',
      to: 'if (rows.length >= 0) return 0',
      why: 'a connection that a thief has open outlasts the password',
      tests: ['tests/migrate-logins.test.ts'],
    },
    {
      file: 'db/operate/migrate.ts',
      from: '    await tx.execute(sql`revoke all on all routines in schema ledger from public`)\n',
      to: '',
      why: 'a function that a migration made is everybody’s to execute',
      tests: ['tests/upgrade.test.ts'],
    },
  ],
}
