import * as z from 'zod/mini'
import { nextLoginNonce, signIn } from '../db/ledger/login.ts'
import { serve } from './_lib/http/serve.ts'
import { open } from './_lib/access/open.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { sessionEnv } from './_lib/env.ts'
import { ApiError } from './_lib/errors.ts'
import { sessions } from './_lib/ledgers.ts'
import { LOGIN_SIGNATURE_BYTES_MAX, LOGIN_WINDOW_SECONDS } from './_lib/limits.ts'
import { loginAccount, loginCheck, loginCheckEnv, loginDomainOf } from './_lib/login/check.ts'
import { MESSAGE_EXAMPLE, TYPED_DATA_EXAMPLE } from './_lib/login/examples.ts'
import { loginMessage } from './_lib/login/solana.ts'
import { loginTypedData } from './_lib/login/typed-data.ts'
import {
  accountOut,
  field,
  SESSION_TOKEN_EXAMPLE,
  SIGNATURE_EXAMPLE,
  signatureParts,
  unixSeconds,
} from './_lib/schemas.ts'
import { issueSession } from './_lib/access/session-token.ts'

const env = { ...sessionEnv, ...loginCheckEnv }

export const authNonce = endpoint({
  method: 'GET',
  path: '/auth/nonce/:address',
  tag: 'Sign in',
  summary: 'Get the message to sign for a login',
  description: 'Changes nothing: call it as often as you like.',
  access: open,
  env,
  ledger: sessions,
  params: z.object({ address: accountOut('The account that signs in') }),
  response: z.object({
    nonce: field(z.number(), 'Used up by the next login of this account', 0),
    typed_data: field(
      z.nullable(z.looseObject({})),
      'EVM: ready for eth_signTypedData_v4; post its message.timestamp with the signature. Null for a Solana account',
      TYPED_DATA_EXAMPLE,
    ),
    message: field(
      z.optional(z.string()),
      'Solana: the text to sign (ed25519, plain or in an off-chain envelope); post the timestamp in it with the signature',
      MESSAGE_EXAMPLE,
    ),
  }),
  errors: { INVALID_ADDRESS: 'neither an EVM nor a Solana address' },
  handle: async (call) => {
    const account = loginAccount(call.params.address)
    const nonce = await nextLoginNonce(call.db, account.id)
    const domain = loginDomainOf(call.env)
    return account.kind === 'evm'
      ? { nonce, typed_data: loginTypedData(domain, account.id, nonce, call.now) }
      : { nonce, typed_data: null, message: loginMessage(domain, account.id, nonce, call.now) }
  },
})

export const authLogin = endpoint({
  method: 'POST',
  path: '/auth/login',
  tag: 'Sign in',
  summary: 'Exchange a signed login for a session token',
  description:
    'The nonce is checked and used up in one step: of two replays of one signature at the same time, one gets a token. ' +
    'A contract wallet (such as a Safe) can sign in too: a signature that is not of the account’s own key is put to the contract at its ' +
    'address, at the newest block (ERC-1271; ERC-6492 before it is deployed). Wallet-signed requests take keys only.',
  access: open,
  env,
  ledger: sessions,
  body: z.strictObject({
    address: accountOut('The account that signs in'),
    signature: field(
      z.union([z.string(), z.strictObject(signatureParts)]),
      `EVM: 65 bytes as 0x hex, over the typed data; of a contract wallet whatever its contract takes, up to ${LOGIN_SIGNATURE_BYTES_MAX} bytes. Solana: base58 of 64 bytes over the message, or {"type":"hardware","value":…}`,
      SIGNATURE_EXAMPLE,
    ),
    timestamp: unixSeconds('The timestamp that was signed, within 300 s of the server’s clock'),
  }),
  response: z.object({
    token: field(z.string(), 'Send it as `Authorization: Bearer <token>`', SESSION_TOKEN_EXAMPLE),
    expires_at: unixSeconds('When the token ends'),
  }),
  errors: {
    INVALID_ADDRESS: 'neither an EVM nor a Solana address',
    TIMESTAMP_EXPIRED: 'more than 300 s from the server’s clock',
    INVALID_SIGNATURE_FORMAT:
      'not 65 bytes of 0x hex (EVM; with a contract at the address any length) or base58 of 64 bytes (Solana)',
    SIGNATURE_INVALID: 'not signed by this account over its current nonce, or the nonce was just used',
    CHAIN_UNAVAILABLE:
      'not signed by the account’s key, and the chain could not be asked whether its contract accepts it; the nonce is not used up, retry with backoff',
  },
  handle: async (call) => {
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
    const isSigned = loginCheck(account, signature, timestamp)
    const nonce = await nextLoginNonce(call.db, account.id)
    const generation = (await isSigned(call.env, nonce))
      ? await signIn(call.db, account.id, nonce)
      : undefined
    if (generation === undefined) {
      throw new ApiError('SIGNATURE_INVALID', 'not a signature of this account over its current nonce')
    }
    const session = await issueSession(call.env, account.id, call.now, generation)
    return { token: session.token, expires_at: session.expiresAt }
  },
})

export default serve('auth', authNonce, authLogin)
