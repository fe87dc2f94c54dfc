import * as z from 'zod/mini'
import { nextLoginNonce, useLoginNonce } from '../db/ledger/login.ts'
import { parseEvmAccount } from './_lib/accounts.ts'
import { serve } from './_lib/app.ts'
import { defineEndpoint } from './_lib/endpoint.ts'
import { chainEnv, commonEnv, databaseEnv, loginEnv, sessionEnv } from './_lib/env.ts'
import { ApiError } from './_lib/errors.ts'
import { LOGIN_WINDOW_SECONDS } from './_lib/limits.ts'
import { loginSignedBy, loginTypedData, type LoginDomain } from './_lib/login-typed-data.ts'
import { accountOut, field, unixSeconds } from './_lib/schemas.ts'
import { issueSession } from './_lib/session.ts'

const env = z.object({ ...commonEnv, ...databaseEnv, ...sessionEnv, ...chainEnv, ...loginEnv })

const domainOf = (config: z.output<typeof env>): LoginDomain => ({
  name: config.LOGIN_DOMAIN_NAME,
  version: config.LOGIN_DOMAIN_VERSION,
  chainId: config.CHAIN_ID,
  verifyingContract: config.VAULT_ADDRESS,
})

function loginAccount(address: string): string {
  const account = parseEvmAccount(address)
  if (!account) throw new ApiError('INVALID_ADDRESS', 'not an EVM address')
  return account.id
}

export const authNonce = defineEndpoint({
  method: 'GET',
  path: '/auth/nonce/:address',
  tag: 'Sign in',
  summary: 'What to sign for a login',
  description: 'Writes nothing: ask as often as you like.',
  access: 'none',
  env,
  databaseUrl: (config) => config.DATABASE_URL,
  params: z.object({ address: accountOut('The account that signs in') }),
  response: z.object({
    nonce: field(z.number(), 'Used up by the next login of this account', 0),
    typed_data: field(
      z.looseObject({}),
      'Ready for eth_signTypedData_v4; post its message.timestamp with the signature',
    ),
  }),
  errors: { INVALID_ADDRESS: 'not an address' },
  internal: 'internal error',
  handler: async (call) => {
    const account = loginAccount(call.params.address)
    const nonce = await nextLoginNonce(call.db, account)
    return { nonce, typed_data: loginTypedData(domainOf(call.env), account, nonce, call.now) }
  },
})

export const authLogin = defineEndpoint({
  method: 'POST',
  path: '/auth/login',
  tag: 'Sign in',
  summary: 'Exchange a signed login for a session token',
  description:
    'The nonce is used up together with the check: of two replays of one signature at once, one gets a token.',
  access: 'none',
  env,
  databaseUrl: (config) => config.DATABASE_URL,
  body: z.strictObject({
    address: accountOut('The account that signs in'),
    signature: field(z.string(), 'Signature over the typed data; 65 bytes as 0x hex'),
    timestamp: unixSeconds('The timestamp that was signed, within 300 s of the server’s clock'),
  }),
  response: z.object({
    token: field(z.string(), 'Send it as `Authorization: Bearer <token>`'),
    expires_at: unixSeconds('When the token ends'),
  }),
  errors: {
    INVALID_ADDRESS: 'not an address',
    TIMESTAMP_EXPIRED: 'more than 300 s from the server’s clock',
    INVALID_SIGNATURE_FORMAT: 'not 65 bytes of 0x hex',
    SIGNATURE_INVALID: 'not signed by this account over its current nonce, or the nonce was just used',
  },
  internal: 'internal error',
  handler: async (call) => {
    const { address, signature, timestamp } = call.body
    const account = loginAccount(address)
    if (!Number.isSafeInteger(timestamp))
      throw new ApiError('INVALID_REQUEST', 'timestamp must be whole seconds')
    if (Math.abs(timestamp - call.now) > LOGIN_WINDOW_SECONDS) {
      throw new ApiError(
        'TIMESTAMP_EXPIRED',
        `timestamp must be within ${LOGIN_WINDOW_SECONDS} s of the server’s clock`,
      )
    }
    if (!/^0x[0-9a-fA-F]{130}$/.test(signature)) {
      throw new ApiError('INVALID_SIGNATURE_FORMAT', 'signature must be 65 bytes as 0x hex')
    }
    const nonce = await nextLoginNonce(call.db, account)
    const genuine = loginSignedBy(domainOf(call.env), account, nonce, timestamp, signature)
    if (!genuine || !(await useLoginNonce(call.db, account, nonce))) {
      throw new ApiError('SIGNATURE_INVALID', 'the signature is not this account’s over its current nonce')
    }
    const session = await issueSession(call.env, account, call.now)
    return { token: session.token, expires_at: session.expiresAt }
  },
})

export default serve('auth', authNonce, authLogin)
