/** What each variable means where nobody has set it, and at the ends of what it may be. */
import * as z from 'zod/mini'
import { describe, expect, test } from 'vitest'
import * as env from '../functions/_lib/env.ts'
import { parseEnv } from '../functions/_lib/env-read.ts'
import { admin, LEDGERS } from '../functions/_lib/ledgers.ts'
import { settleSchema } from '../functions/_lib/settle/context.ts'
import { ENV_GROUPS } from '../scripts/stack/env-groups.ts'

const read = (schema: Record<string, z.ZodMiniType>, name: string, value?: string): unknown => {
  const only = z.object({ [name]: schema[name]! })
  return (parseEnv(only, value === undefined ? {} : { [name]: value }) as Record<string, unknown>)[name]
}
const refused = (schema: Record<string, z.ZodMiniType>, name: string, value?: string) => {
  expect(() => read(schema, name, value), `${name}=${value}`).toThrow(`configuration: ${name}`)
}

const DEFAULTS: [name: string, schema: Record<string, z.ZodMiniType>, fallback: unknown][] = [
  ['CORS_ORIGINS', env.commonEnv, ''],
  ['RATE_LIMITS', env.commonEnv, 'on'],
  ['JWT_SECRET', env.sessionEnv, undefined],
  ['JWT_PRIVATE_KEY', env.sessionEnv, undefined],
  ['JWT_TTL_SECONDS', env.sessionEnv, 86_400],
  ['JWT_JWKS_URL', env.sessionEnv, undefined],
  ['JWT_ISSUER', env.sessionEnv, undefined],
  ['JWT_AUDIENCE', env.sessionEnv, undefined],
  ['TESTNET_ONLY', env.adminEnv, false],
  ['ADMIN_API_KEY', env.adminEnv, undefined],
  ['ADMIN_DATABASE_URL', admin.env, undefined],
  ['LOGIN_DOMAIN_NAME', env.loginEnv, 'Tidegate'],
  ['LOGIN_DOMAIN_VERSION', env.loginEnv, '1'],
  ['RPC_QUORUM', env.rpcEnv, 1],
  ['RESERVATION_TTL_SECONDS', env.reservationEnv, 120],
  ['SPOT_ENABLED', env.withdrawEnv, false],
  ['PLAYGROUND', env.walletPageEnv, false],
  ['WITHDRAW_TTL_SECONDS', env.withdrawEnv, 3_600],
  ['VAULT_DOMAIN_NAME', env.vaultEnv, 'ZTDX Spot Vault'],
  ['VAULT_DOMAIN_VERSION', env.vaultEnv, '1'],
  ['AWS_SESSION_TOKEN', env.signerEnv, undefined],
  ['KMS_ENDPOINT', env.signerEnv, undefined],
  ['KMS_TIMEOUT_MS', env.signerEnv, 3_000],
  ['FINALITY', env.settleEnv, 'finalized'],
  ['VAULT_DEPLOY_BLOCK', env.settleEnv, 0],
  ['TESTNET_ONLY', env.settleEnv, false],
  ['SOLVENCY', env.settleEnv, undefined],
  ['ALERT_WEBHOOK_URL', env.settleEnv, undefined],
]
/** Nobody may run without these. */
const REQUIRED: [name: string, schema: Record<string, z.ZodMiniType>][] = [
  ...LEDGERS.filter((one) => one !== admin).map((one): [string, Record<string, z.ZodMiniType>] => [
    one.variable,
    one.env,
  ]),
  ['CHAIN_ID', env.chainEnv],
  ['VAULT_ADDRESS', env.chainEnv],
  ['RPC_URL', env.rpcEnv],
  ['SIGNER_ADDRESS', env.vaultEnv],
  ['AWS_REGION', env.signerEnv],
  ['AWS_ACCESS_KEY_ID', env.signerEnv],
  ['AWS_SECRET_ACCESS_KEY', env.signerEnv],
  ['KMS_KEY_ID', env.signerEnv],
]
describe('a variable that nobody has set', () => {
  test.each(DEFAULTS)('(%s) is what the table of scripts/README.md says', (name, schema, fallback) => {
    expect([name, read(schema, name)]).toEqual([name, fallback])
  })

  test.each(REQUIRED)('(%s) is an error that names it, where nothing is a safe guess', (name, schema) => {
    refused(schema, name)
  })

  test('is in one of these two lists, whichever it is', () => {
    const known = [...DEFAULTS, ...REQUIRED].map(([name, schema]) => `${ENV_GROUPS.indexOf(schema)} ${name}`)
    const all = ENV_GROUPS.flatMap((group, at) => Object.keys(group).map((name) => `${at} ${name}`))
    expect(known.sort()).toEqual(all.sort())
  })
})

describe('a number', () => {
  test.each([
    ['JWT_TTL_SECONDS', env.sessionEnv, 1, 2_592_000],
    ['RPC_QUORUM', env.rpcEnv, 1, 5],
    ['RESERVATION_TTL_SECONDS', env.reservationEnv, 30, 86_400],
    ['WITHDRAW_TTL_SECONDS', env.withdrawEnv, 1, 2_592_000],
    ['KMS_TIMEOUT_MS', env.signerEnv, 1, 15_000],
    ['VAULT_DEPLOY_BLOCK', env.settleEnv, 0, undefined],
    ['CHAIN_ID', env.chainEnv, 1, undefined],
    ['FINALITY', env.settleEnv, 0, 99_999],
  ] as const)('(%s) is taken at both of its ends and refused one beyond', (name, schema, min, max) => {
    for (const end of [min, max]) if (end !== undefined) expect(read(schema, name, String(end))).toBe(end)
    if (min > 0) refused(schema, name, String(min - 1))
    if (max !== undefined) refused(schema, name, String(max + 1))
    for (const text of ['', ' ', '-1', '1.5', '1e3', '0x10', 'one', 'Finalized', '1'.repeat(17)])
      refused(schema, name, text)
  })
})

test('only the word true opens what is closed by itself', () => {
  for (const [name, schema] of [
    ['TESTNET_ONLY', env.adminEnv],
    ['SPOT_ENABLED', env.withdrawEnv],
    ['PLAYGROUND', env.walletPageEnv],
    ['TESTNET_ONLY', env.settleEnv],
  ] as const) {
    expect(read(schema, name, 'true')).toBe(true)
    for (const text of ['TRUE', 'True', ' true', '1', 'yes', 'on', 'false', ''])
      expect([text, read(schema, name, text)]).toEqual([text, false])
  }
})

test('solvency is enforced or reported and nothing else', () => {
  for (const word of ['report', 'enforce']) expect(read(env.settleEnv, 'SOLVENCY', word)).toBe(word)
  for (const word of ['', 'off', 'Enforce', 'none']) refused(env.settleEnv, 'SOLVENCY', word)
})

test('the head itself counts on a testnet alone', () => {
  const settings = {
    SETTLE_DATABASE_URL: 'postgresql://tidegate_settle:p@db.example.com/d',
    CHAIN_ID: '1',
    VAULT_ADDRESS: `0x${'1'.repeat(40)}`,
    SIGNER_ADDRESS: `0x${'2'.repeat(40)}`,
    RPC_URL: 'https://node.example.com',
  }
  const reads = (change: object) => parseEnv(settleSchema, { ...settings, ...change })
  expect(reads({}).FINALITY).toBe('finalized')
  expect(reads({ FINALITY: '1' }).FINALITY).toBe(1)
  expect(reads({ FINALITY: '0', TESTNET_ONLY: 'true' }).FINALITY).toBe(0)
  for (const TESTNET_ONLY of [undefined, 'false', 'TRUE'])
    expect(() => reads({ FINALITY: '0', TESTNET_ONLY })).toThrow('configuration: FINALITY')
})
