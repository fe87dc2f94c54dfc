import * as z from 'zod/mini'
import { createSubaccount } from '../db/ledger/subaccounts.ts'
import { serve } from './_lib/http/serve.ts'
import { walletSigned } from './_lib/ledgers.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { SUBACCOUNTS_MAX } from './_lib/limits.ts'
import { accountOut } from './_lib/schemas.ts'
import {
  envelopeOut,
  EXAMPLE,
  noAgentIn,
  signatureIn,
  timesIn,
  unixMilliseconds,
} from './_lib/signed/fields.ts'
import { succeeded } from './_lib/http/signed-envelope.ts'
import { signedByBoth } from './_lib/signed/subaccount-pair.ts'

export const subaccountCreate = endpoint({
  method: 'POST',
  path: '/account/subaccount/create',
  tag: 'Subaccounts',
  summary: 'Make an unused account the subaccount of another',
  description:
    'Both sign, with the same timestamp and window: the sub `subaccount_initiate` over `{account: main}`, then the main account ' +
    '`subaccount_confirm` over `{signature: <the sub’s signature text>}`. A relationship never ends; a retry answers code 2. A key that becomes ' +
    'either side stops being an agent.',
  access: signedByBoth,
  ledger: walletSigned,
  body: z.strictObject({
    main_account: accountOut('The main account', EXAMPLE.main),
    subaccount: accountOut('The account that becomes its subaccount', EXAMPLE.sub),
    main_signature: signatureIn('The main account’s, over subaccount_confirm'),
    sub_signature: signatureIn('The subaccount’s, over subaccount_initiate'),
    ...timesIn,
    ...noAgentIn,
  }),
  response: envelopeOut(
    z.object({
      main_account: accountOut('The main account', EXAMPLE.main),
      subaccount: accountOut('Its subaccount', EXAMPLE.sub),
      created_at: unixMilliseconds('When it was made'),
    }),
  ),
  errors: {
    subaccount_exists: 'it is a subaccount of this main account already',
    main_is_subaccount: 'the main account is a subaccount itself',
    already_subaccount: 'it is the subaccount of another account',
    account_in_use: 'the subaccount has a balance, a history or subaccounts',
    limit_reached: `the main account has ${SUBACCOUNTS_MAX} subaccounts`,
  },
  handle: async (call) => {
    const { main, sub } = call.caller
    return succeeded(await createSubaccount(call.db, main, sub, SUBACCOUNTS_MAX))
  },
})

export default serve('subaccount-create', subaccountCreate)
