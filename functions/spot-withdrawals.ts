import * as z from 'zod/mini'
import { findWithdrawal, listWithdrawals, type WithdrawalRow } from '../db/ledger/withdrawals.ts'
import { serve } from './_lib/http/serve.ts'
import { read } from './_lib/access/read.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { ApiError } from './_lib/errors.ts'
import { withdrawals } from './_lib/ledgers.ts'
import { keyFilter, pageAnswer, pageQuery } from './_lib/http/pages.ts'
import {
  shownWithdrawal,
  WITHDRAWAL_COLUMNS,
  withdrawalItem,
  withdrawalStatus,
} from './_lib/money/withdrawal-item.ts'
import { UUID, field, TOKEN_SYMBOL, uuid } from './_lib/schemas.ts'

export const spotWithdrawalsList = endpoint({
  method: 'GET',
  path: '/spot/withdrawals',
  tag: 'Withdrawals',
  summary: 'Withdrawals of the account, newest first',
  description: 'A bare array; the next page is in the `Link` header.',
  access: read,
  ledger: withdrawals,
  query: z.strictObject({
    ...pageQuery,
    status: field(z.optional(withdrawalStatus()), 'Only withdrawals in this status', 'signed'),
    token: field(z.optional(z.string().check(z.regex(TOKEN_SYMBOL))), 'Only this token', 'DF'),
    idempotency_key: keyFilter('Only those requested with this key: one, unless the key was free again'),
  }),
  response: z.array(withdrawalItem),
  docs: { csv: true },
  handle: async (call) => {
    const { idempotency_key: idempotencyKey, ...filter } = call.query
    const rows = await listWithdrawals(call.db, call.caller.account, { ...filter, idempotencyKey })
    const shown = (row: WithdrawalRow) => shownWithdrawal(row, call.caller, call.now)
    return pageAnswer(call, call.query.limit, rows, (row) => row.id, shown, WITHDRAWAL_COLUMNS)
  },
})

export const spotWithdrawal = endpoint({
  method: 'GET',
  path: '/spot/withdrawals/:id',
  tag: 'Withdrawals',
  summary: 'One withdrawal of the account',
  description: 'Finds a lost answer of POST /spot/withdraw/request again, with its signature.',
  access: read,
  ledger: withdrawals,
  query: z.strictObject({}),
  params: z.object({ id: uuid('The withdrawal') }),
  response: withdrawalItem,
  errors: { 'invalid id': 'not a UUID', WITHDRAWAL_NOT_FOUND: 'unknown, or another account’s' },
  handle: async (call) => {
    const { id } = call.params
    if (!UUID.test(id)) throw new ApiError('invalid id', 'id must be a UUID')
    const row = await findWithdrawal(call.db, call.caller.account, id)
    if (!row) throw new ApiError('WITHDRAWAL_NOT_FOUND', 'this account has no such withdrawal')
    return shownWithdrawal(row, call.caller, call.now)
  },
})

export default serve('spot-withdrawals', spotWithdrawalsList, spotWithdrawal)
