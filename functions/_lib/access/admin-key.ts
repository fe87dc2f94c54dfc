/** The admin key, and only where the faucet is open. */
import { adminEnv } from '../env.ts'
import { ApiError, unauthorized, type ErrorCode } from '../errors.ts'
import type { Access } from '../http/access.ts'
import { exchangeEnvelope } from '../http/exchange-envelope.ts'
import { API_KEY_LENGTH_MAX } from '../limits.ts'
import { sha256Hex } from '../sha256.ts'
import { GUESSABLE } from './rates.ts'

export const adminKey: Access<undefined, ErrorCode> = {
  kind: 'admin',
  env: adminEnv,
  rates: GUESSABLE,
  envelope: exchangeEnvelope,
  errors: {
    DISABLED: '`TESTNET_ONLY` is not exactly `true`',
    UNAUTHORIZED: 'the admin key is missing or not valid',
  },
  gate: ({ TESTNET_ONLY }) => {
    if (TESTNET_ONLY !== 'true') throw new ApiError('DISABLED', 'the faucet is disabled here')
  },
  identify: async ({ env, header, guess, admit }) => {
    const { ADMIN_API_KEY } = env as { ADMIN_API_KEY?: string }
    await guess(async () => await holdsAdminKey(header('x-api-key'), ADMIN_API_KEY))
    await admit({ countedAs: 'admin ' })
    return undefined
  },
}

/** @throws ApiError UNAUTHORIZED */
export async function holdsAdminKey(given: string | undefined, expected: string | undefined): Promise<void> {
  // An unset key must mean closed, not "the empty key opens".
  if (!given || !expected || given.length > API_KEY_LENGTH_MAX) throw unauthorized()
  if (!(await sameText(given, expected))) throw unauthorized()
}

/** Equal without a hint of where two texts differ: their digests are compared, so lengths do not show either. */
export async function sameText(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([sha256Hex(a), sha256Hex(b)])
  let difference = 0
  for (let at = 0; at < left.length; at += 1) difference |= left.charCodeAt(at) ^ right.charCodeAt(at)
  return difference === 0
}
