/** Anybody, without a credential. */
import type { ErrorCode } from '../errors.ts'
import type { Access } from '../http/access.ts'
import { exchangeEnvelope } from '../http/exchange-envelope.ts'

export const open: Access<undefined, ErrorCode> = {
  kind: 'open',
  env: {},
  rates: { address: 'RATE_PUBLIC' },
  envelope: exchangeEnvelope,
  errors: {},
  identify: async () => undefined,
}
