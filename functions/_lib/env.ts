/**
 * The configuration, as schemas. Each function composes only what it needs, and `parseEnv` (env-read.ts) reads it once per
 * isolate. `npm run config:table` turns the descriptions into the table of scripts/README.md.
 */
import * as z from 'zod/mini'
import {
  described,
  evmAddress,
  finality,
  formedText,
  group,
  nodeList,
  onlyTrue,
  optionalFormed,
  optionalKey,
  optionalText,
  URL_FORM,
  wholeNumber,
  withDefault,
} from './env-fields.ts'
import { isPrivateJwk, isSecretUrl } from './env-forms.ts'
import {
  KMS_TIMEOUT_MS_DEFAULT,
  KMS_TIMEOUT_MS_MAX,
  RESERVATION_TTL_SECONDS_DEFAULT,
  RESERVATION_TTL_SECONDS_MAX,
  RESERVATION_TTL_SECONDS_MIN,
  RPC_QUORUM_MAX,
  SESSION_SECONDS_MAX,
  SESSION_TTL_SECONDS_DEFAULT,
  WITHDRAW_TTL_SECONDS_DEFAULT,
  WITHDRAW_TTL_SECONDS_MAX,
} from './limits.ts'

/** What every function has. */
export const commonEnv = /* @__PURE__ */ group(() => ({
  CORS_ORIGINS: withDefault(
    '',
    'Origins that browsers may call from, separated by commas; `*` is any, empty is none',
    {
      example: 'https://app.example.com',
    },
  ),
  RATE_LIMITS: withDefault('on', '`off` lifts the rate limits, for load tests; anything else leaves them on'),
}))

export const sessionEnv = /* @__PURE__ */ group(() => ({
  JWT_SECRET: optionalKey(
    'HS256 key of our own tokens, at least 32 characters. One of JWT_SECRET and JWT_PRIVATE_KEY must be set',
  ),
  JWT_PRIVATE_KEY: optionalFormed(
    isPrivateJwk,
    'EdDSA (Ed25519) private key of our own tokens, as a JWK; wins over JWT_SECRET',
    { secret: true, form: 'a JWK of kty OKP, crv Ed25519, with d and x' },
  ),
  JWT_TTL_SECONDS: wholeNumber(
    SESSION_TTL_SECONDS_DEFAULT,
    1,
    SESSION_SECONDS_MAX,
    'Lifetime of a session token, seconds',
  ),
  JWT_JWKS_URL: optionalFormed(isSecretUrl, 'Keys of an issuer whose tokens are accepted too', {
    example: 'https://issuer.example.com/.well-known/jwks.json',
    form: URL_FORM,
  }),
  JWT_ISSUER: optionalText('`iss` of that issuer'),
  JWT_AUDIENCE: optionalText('`aud` that its tokens must carry'),
}))

export const adminEnv = /* @__PURE__ */ group(() => ({
  TESTNET_ONLY: onlyTrue('The faucet exists only where this is exactly `true`'),
  ADMIN_API_KEY: optionalKey('Key of `/admin/*`; unset means closed'),
}))

export const walletPageEnv = {
  PLAYGROUND: onlyTrue('The wallet page at `/` exists only where this is exactly `true`'),
}

/** The chain side that login and withdrawals share. */
export const chainEnv = /* @__PURE__ */ group(() => ({
  CHAIN_ID: wholeNumber(0, 1, 9_007_199_254_740_991, 'EVM chain id of the vault'),
  VAULT_ADDRESS: evmAddress('The vault contract'),
}))

export const loginEnv = /* @__PURE__ */ group(() => ({
  LOGIN_DOMAIN_NAME: withDefault('Tidegate', 'EIP-712 domain name that a login signs'),
  LOGIN_DOMAIN_VERSION: withDefault('1', 'EIP-712 domain version that a login signs'),
}))

/** The nodes that withdrawals, sign-in of contract wallets and the cron function read. */
export const rpcEnv = /* @__PURE__ */ group(() => ({
  RPC_URL: nodeList(
    'JSON-RPC addresses of chain nodes, separated by commas or blanks: the first that answers well is used, the others when it fails',
  ),
  RPC_QUORUM: wholeNumber(
    1,
    1,
    RPC_QUORUM_MAX,
    'How many of these nodes must give the same answer before it counts',
  ),
}))

/** Reservations that a dead request left behind. */
export const reservationEnv = /* @__PURE__ */ group(() => ({
  RESERVATION_TTL_SECONDS: wholeNumber(
    RESERVATION_TTL_SECONDS_DEFAULT,
    RESERVATION_TTL_SECONDS_MIN,
    RESERVATION_TTL_SECONDS_MAX,
    'Age at which the cron function gives back an unsigned reservation, seconds',
  ),
}))

export const withdrawEnv = /* @__PURE__ */ group(() => ({
  SPOT_ENABLED: onlyTrue('Withdrawals can be requested only where this is exactly `true`'),
  WITHDRAW_TTL_SECONDS: wholeNumber(
    WITHDRAW_TTL_SECONDS_DEFAULT,
    1,
    WITHDRAW_TTL_SECONDS_MAX,
    'For how long the vault accepts a withdrawal’s signature, seconds',
  ),
}))

/** What the vault must answer: what is signed rests on it, and settle compares it with the vault. */
export const vaultEnv = /* @__PURE__ */ group(() => ({
  VAULT_DOMAIN_NAME: withDefault('ZTDX Spot Vault', 'EIP-712 domain name of the vault'),
  VAULT_DOMAIN_VERSION: withDefault('1', 'EIP-712 domain version of the vault'),
  SIGNER_ADDRESS: evmAddress('Address of the KMS key, as the vault has it: no other signature is accepted'),
}))

export const signerEnv = /* @__PURE__ */ group(() => ({
  AWS_REGION: formedText(/^[a-z]{2}(?:-[a-z]{1,16}){1,3}-[0-9]{1,2}$/, 'Region of the KMS key', {
    example: 'eu-central-1',
  }),
  AWS_ACCESS_KEY_ID: formedText(
    /^[A-Z0-9]{16,128}$/,
    'Credentials that may `kms:Sign` and `kms:GetPublicKey` with that one key and nothing else',
    { secret: true, form: '16 to 128 capitals and digits, as AWS gives it' },
  ),
  AWS_SECRET_ACCESS_KEY: formedText(/^[A-Za-z0-9+/=]{40,128}$/, 'Secret of those credentials', {
    secret: true,
    form: '40 characters of base64, as AWS gives it',
  }),
  AWS_SESSION_TOKEN: optionalFormed(
    /^[A-Za-z0-9+/=_-]{16,4096}$/,
    'Session token, where the credentials are temporary',
    { secret: true, form: 'base64, as AWS gives it' },
  ),
  KMS_KEY_ID: formedText(/^[A-Za-z0-9:/_-]{1,2048}$/, 'Id, ARN or alias of the KMS key', {
    example: 'alias/tidegate-signer',
  }),
  KMS_ENDPOINT: optionalFormed(isSecretUrl, 'Another address of KMS than AWS’s own for the region', {
    form: URL_FORM,
  }),
  KMS_TIMEOUT_MS: wholeNumber(
    KMS_TIMEOUT_MS_DEFAULT,
    1,
    KMS_TIMEOUT_MS_MAX,
    'How long one signature may take, milliseconds',
  ),
}))

/** What only settle has. */
export const settleEnv = /* @__PURE__ */ group(() => ({
  FINALITY: finality(
    'Which blocks count: `finalized`, those the node calls final; a number, those so many blocks below the head, for chains that have no final blocks (0 only with TESTNET_ONLY=true)',
  ),
  VAULT_DEPLOY_BLOCK: wholeNumber(
    0,
    0,
    9_007_199_254_740_991,
    'Block of the vault’s deployment: a new ledger reads logs from there',
  ),
  TESTNET_ONLY: onlyTrue('A breach of solvency is only reported where this is exactly `true`'),
  SOLVENCY: described(
    /* @__PURE__ */ z.optional(/* @__PURE__ */ z.enum(['report', 'enforce'])),
    'What a breach of solvency does: `report` raises an alert, `enforce` pauses signing too (default: report with TESTNET_ONLY=true, else enforce)',
  ),
  ALERT_WEBHOOK_URL: optionalFormed(isSecretUrl, 'Where each alert is POSTed to as JSON', {
    secret: true,
    form: URL_FORM,
  }),
}))
