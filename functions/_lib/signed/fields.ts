/** The body's fields, and the answer's envelope, that endpoints of the wallet-signed family share. */
import * as z from 'zod/mini'
import { EXPIRY_WINDOW_MS_DEFAULT, EXPIRY_WINDOW_MS_MAX } from '../limits.ts'
import { accountOut, field, signatureParts } from '../schemas.ts'

/** Keys of the reference's examples: those of the seeds 32×0x01, 32×0x02 and 32×0x03. */
export const EXAMPLE = {
  main: 'AKnL4NNf3DGWZJS6cPknBuEGnVsV4A4m5tgebLHaRSZ9',
  sub: '9hSR6S7WPtxmTojgo6GG3k4yDPecgJY292j7xrsUGWBu',
  agent: 'GyGKxMyg1p9SsHfm15MkNUu1u9TN2JtTspcdmrtGUdse',
  signature: '4MLr7BeLE1XgWpzBsduNb7K8vyMzptFYmbnGmEjT9FpTZ9R8eJt3J46afUqo4AePUX3V5EzUhv5WtWwKPF2Czhy5',
} as const

export const signatureIn = (description: string) =>
  field(
    z.union([z.string(), z.looseObject(signatureParts)]),
    `${description}, by a key and never a contract wallet: base58 of 64 bytes, 0x hex of 65 for an EVM key, or {type, value} (\`hardware\`, \`ed25519\`, \`raw\`)`,
    EXAMPLE.signature,
  )

export const timesIn = {
  timestamp: field(z.number(), 'When it was signed; unix milliseconds', 1_760_000_000_000),
  expiry_window: field(
    z.optional(z.nullable(z.number())),
    `How long it is valid, milliseconds; ${EXPIRY_WINDOW_MS_DEFAULT} by default, at most ${EXPIRY_WINDOW_MS_MAX}`,
    EXPIRY_WINDOW_MS_DEFAULT,
  ),
}

/** The signature fields of a body that one account signs. */
export const signedFields = {
  account: accountOut('The account that acts', EXAMPLE.main),
  signature: signatureIn('Over the canonical text'),
  ...timesIn,
}

export const agentIn = {
  agent_wallet: field(
    z.optional(z.nullable(z.string())),
    'The agent that signed; null or absent when the account did',
    null,
  ),
}

/** Where only the account itself may sign: null equals absent, anything else is refused. */
export const noAgentIn = {
  agent_wallet: field(z.optional(z.null()), 'Null or absent: an agent cannot act here', null),
}

export const envelopeOut = <S extends z.ZodMiniType>(data: S) =>
  z.object({
    success: field(z.literal(true), 'Always true', true),
    data: field(data, 'What was done or found'),
    error: field(z.null(), 'Always null', null),
    code: field(z.null(), 'Always null', null),
  })

export const unixMilliseconds = (description: string) =>
  field(z.number(), `${description}; unix milliseconds`, 1_760_000_000_000)
