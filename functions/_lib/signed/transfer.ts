/** What the two transfers between a main account and its subaccount share. */
import * as z from 'zod/mini'
import { UNREADABLE, type Readable } from '../../../db/ledger/unreadable.ts'
import { amountFault } from '../money/amount.ts'
import { AMOUNT_LENGTH_MAX } from '../limits.ts'
import { field, uuid } from '../schemas.ts'
import { envelopeOut, unixMilliseconds } from './fields.ts'
import { type SignedErrorId, SignedRefusal } from '../http/signed-errors.ts'

export const transferOut = () =>
  envelopeOut(
    z.object({
      success: field(z.literal(true), 'Always true', true),
      error: field(z.null(), 'Always null', null),
      transfer_id: uuid('The movement in the ledger'),
      created_at: unixMilliseconds('When it was committed'),
    }),
  )

export const TRANSFER_ERRORS: Partial<Record<SignedErrorId, string>> = {
  agent_not_authorized: 'the agent is not bound to the account now',
  duplicate_signature: 'the same message again; `data` has the first movement when it was this account’s',
  invalid_transfer_relationship: 'neither is the subaccount of the other, or they are the same',
  invalid_amount: 'not a decimal string, too many decimals, zero or negative',
  asset_not_found: 'no such symbol',
}

/**
 * The amount for the verb, which judges a text that is none after the relationship.
 * @throws SignedRefusal invalid_amount for a JSON number, whose text as signed is lost, and for one too long to be hashed
 */
export function amountForVerb(amount: string | number): Readable {
  if (typeof amount === 'number') throw new SignedRefusal('invalid_amount', 'amount must be a JSON string')
  if (amount.length > AMOUNT_LENGTH_MAX) throw new SignedRefusal('invalid_amount', 'too many digits')
  return amountFault(amount) === null ? amount : UNREADABLE
}
