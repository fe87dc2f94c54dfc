import * as z from 'zod/mini'
import { createApiKey, listApiKeys, revokeApiKey } from '../db/ledger/api-keys.ts'
import { newApiKey } from './_lib/access/api-key.ts'
import { serve } from './_lib/http/serve.ts'
import { session } from './_lib/access/session.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { ApiError } from './_lib/errors.ts'
import { sha256Hex } from './_lib/sha256.ts'
import { sessions } from './_lib/ledgers.ts'
import { API_KEY_LABEL_LENGTH_MAX, API_KEYS_PER_ACCOUNT_MAX } from './_lib/limits.ts'
import { UUID, documented, field, unixSeconds, uuid } from './_lib/schemas.ts'

// Letters of any script and spaces, but nothing that is invisible or turns the text around.
const PRINTABLE = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]+$/u

const keyOut = {
  id: uuid('Identifies the key; it gives no access'),
  label: field(z.nullable(z.string()), 'What the caller called it', 'tax report'),
  created_at: unixSeconds('When it was made'),
}
const shared = {
  tag: 'API keys',
  access: session,
  ledger: sessions,
} as const

export const apiKeyCreate = endpoint({
  ...shared,
  method: 'POST',
  path: '/api-keys',
  summary: 'Create a read-only API key',
  description:
    'The key is shown in this answer only; nothing but its SHA-256 is stored. It reads and never moves money. ' +
    'A repeated request creates another key: revoke the one whose answer was lost.',
  body: z.strictObject({
    label: documented(
      field(
        z.optional(
          z.nullable(
            z
              .string()
              .check(z.maxLength(API_KEY_LABEL_LENGTH_MAX), z.regex(PRINTABLE, 'printable characters only')),
          ),
        ),
        'For people; 1 to 100 printable characters of any script',
        'tax report',
      ),
      // The pattern is left out: Unicode classes are spelt differently, or unknown, outside JavaScript.
      { type: ['string', 'null'], minLength: 1, maxLength: API_KEY_LABEL_LENGTH_MAX },
    ),
  }),
  response: z.object({
    ...keyOut,
    api_key: field(z.string(), 'Send it as `X-API-Key`; it is never shown again', `tg_${'0'.repeat(43)}`),
  }),
  errors: { LIMIT_REACHED: 'the account has 30 live keys' },
  handle: async (call) => {
    const key = newApiKey()
    const label = call.body.label ?? undefined
    const hash = await sha256Hex(key)
    const row = await createApiKey(call.db, call.caller.account, label, hash, API_KEYS_PER_ACCOUNT_MAX)
    return { id: row.id, api_key: key, label: row.label, created_at: row.created_at }
  },
})

export const apiKeyList = endpoint({
  ...shared,
  method: 'GET',
  path: '/api-keys',
  summary: 'List the account’s live API keys, newest first',
  query: z.strictObject({}),
  response: z.object({ api_keys: field(z.array(z.object(keyOut)), 'The live keys') }),
  handle: async (call) => ({ api_keys: await listApiKeys(call.db, call.caller.account) }),
})

export const apiKeyRevoke = endpoint({
  ...shared,
  method: 'DELETE',
  path: '/api-keys/:id',
  endsRights: true,
  summary: 'Revoke an API key at once',
  description: 'A key that is already revoked counts as unknown: a second call answers 404.',
  params: z.object({ id: uuid('The key’s id, not the key') }),
  response: z.object({ id: uuid('The key’s id'), revoked_at: unixSeconds('When it stopped working') }),
  errors: { 'invalid id': 'not a UUID', NOT_FOUND: 'unknown, revoked, or another account’s' },
  handle: async (call) => {
    const { id } = call.params
    if (!UUID.test(id)) throw new ApiError('invalid id', 'id must be a UUID')
    return await revokeApiKey(call.db, call.caller.account, id)
  },
})

export default serve('api-keys', apiKeyCreate, apiKeyList, apiKeyRevoke)
