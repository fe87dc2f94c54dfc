import * as z from 'zod/mini'
import { createSubaccount } from '../db/ledger/subaccounts.ts'
import { serveOpen } from './_lib/http/serve.ts'
import { defineEndpoint } from './_lib/http/endpoint.ts'
import { SUBACCOUNTS_MAX } from './_lib/limits.ts'
import { accountOut } from './_lib/schemas.ts'
import {
  envelopeOut,
  EXAMPLE,
  noAgentIn,
  SIGNATURE_ERRORS,
  signatureIn,
  signedFamily,
  timesIn,
  unixMilliseconds,
  verified,
} from './_lib/signed/family.ts'
import { SignedRefusal, succeeded } from './_lib/signed/envelope.ts'
import { verifyConfirmation, verifyOffer } from './_lib/signed/subaccount-pair.ts'

export const subaccountCreate = defineEndpoint({
  ...signedFamily,
  path: '/account/subaccount/create',
  tag: 'Subaccounts',
  summary: 'Make an unused account the subaccount of another',
  description:
    'Both sign, with the same timestamp and window: the sub `subaccount_initiate` over `{account: main}`, then the main account ' +
    '`subaccount_confirm` over `{signature: <the sub’s signature text>}`. A relationship never ends; a retry answers code 2. A key that becomes ' +
    'either side stops being an agent.',
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
  signedErrors: {
    ...SIGNATURE_ERRORS,
    subaccount_exists: 'it is a subaccount of this main account already',
    main_is_subaccount: 'the main account is a subaccount itself',
    already_subaccount: 'it is the subaccount of another account',
    account_in_use: 'the sub has a balance, a history or subaccounts',
    limit_reached: `the main account has ${SUBACCOUNTS_MAX} subaccounts`,
  },
  handler: async (call) => {
    const sub = verified(await verifyOffer(call.body, call.nowMs)).account.id
    await call.proved(sub, sub)
    const main = verified(await verifyConfirmation(call.body, call.nowMs)).account.id
    await call.proved(main, main)
    if (main === sub) throw new SignedRefusal('invalid_request', 'main_account and subaccount must differ')
    return succeeded(await createSubaccount(call.db, main, sub, SUBACCOUNTS_MAX))
  },
})

export default serveOpen('subaccount-create', subaccountCreate)
