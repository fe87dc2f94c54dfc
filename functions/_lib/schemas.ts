/** Field schemas that several endpoints share, with the words the reference page shows for them. */
import * as z from 'zod/mini'
import { UNREADABLE, type Readable } from '../../db/ledger/unreadable.ts'

export interface FieldDoc {
  description: string
  example?: unknown
}

/** Attaches a description and an example; the OpenAPI document reads them. */
export function field<S extends z.ZodMiniType>(schema: S, description: string, example?: unknown): S {
  z.globalRegistry.add(schema, { description, ...(example === undefined ? {} : { examples: [example] }) })
  return schema
}

/**
 * What the reference shows in place of the schema, as JSON Schema: where the validator takes more than is right, so that
 * what is wrong gets a code of its own, or says it in a way that only JavaScript understands.
 */
export function documented<S extends z.ZodMiniType>(schema: S, shown: object): S {
  z.globalRegistry.add(schema, { ...z.globalRegistry.get(schema), documented: shown })
  return schema
}

/** Any JSON string or number passes here, so that a wrong amount gets its own code instead of INVALID_REQUEST. */
export const amountIn = () =>
  documented(
    field(
      z.union([z.string(), z.number()]),
      'Decimal string, whole tokens, at most the token’s own number of decimals',
      '12.5',
    ),
    { type: 'string', pattern: '^(0|[1-9][0-9]{0,19})(\\.[0-9]{1,18})?$' },
  )
export const amountOut = (description: string, example = '100') =>
  field(z.string(), `${description}; decimal string, whole tokens`, example)
/** In either case, as Postgres reads it. */
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
/** What a symbol can be: other text names no token, and some of it (a zero byte) Postgres cannot even be asked about. */
export const TOKEN_SYMBOL = /^[A-Za-z0-9._-]{1,32}$/
/** A symbol as the ledger may have it. */
export const symbolOf = (text: string): Readable => (TOKEN_SYMBOL.test(text) ? text : UNREADABLE)

export const tokenIn = (example = 'USDT') =>
  field(z.string(), 'Token symbol, as in GET /wallet/tokens', example)
export const unixSeconds = (description: string) =>
  field(z.number(), `${description}; unix seconds`, 1_760_000_000)
/** Any text passes here: what is no UUID gets the endpoint's own code. */
export const uuid = (description: string) =>
  documented(field(z.string(), description, '019a0b3c-5d1e-7c4a-9b1a-0c8e2f4d6a10'), {
    type: 'string',
    format: 'uuid',
  })
export const accountOut = (description: string, example = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8') =>
  field(z.string(), description, example)

export const SESSION_TOKEN_EXAMPLE =
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIweDcwOTkifQ.c2lnbmF0dXJl'

/** 65 bytes as 0x hex, as an EVM key signs. */
export const SIGNATURE_EXAMPLE = '0x' + '5f'.repeat(64) + '1b'
/** `{type, value}`, as a signature may also come. */
export const signatureParts = {
  type: documented(field(z.string(), 'Kind of signature', 'hardware'), {
    type: 'string',
    enum: ['ed25519', 'raw', 'hardware'],
  }),
  value: field(z.string(), 'The signature', SIGNATURE_EXAMPLE),
}

const balanceItems = (description: string) =>
  field(
    z.array(
      z.object({
        token: tokenIn(),
        available: amountOut('Free to use', '5100'),
        frozen: amountOut('Held by open withdrawals', '0'),
        version: field(
          z.number(),
          'Grows by one with each change of this balance; the stream carries it too',
          7,
        ),
      }),
    ),
    description,
  )

export const balancesOut = () =>
  z.object({
    balances: balanceItems('One item per token that the account has ever held, sorted by token'),
    subaccounts: field(
      z.optional(
        z.array(
          z.object({
            account: accountOut('The subaccount', 'AKnL4NNf3DGWZJS6cPknBuEGnVsV4A4m5tgebLHaRSZ9'),
            balances: balanceItems('As those of the account'),
          }),
        ),
      ),
      'With `include=subaccounts`: each of them, the oldest first',
    ),
  })
