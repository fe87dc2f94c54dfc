/** Wallets with accounts behind the wallet-signed endpoints, and what they send there. */
import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { generatePrivateKey } from 'viem/accounts'
import { entriesOf, keysOf } from './account-rows.ts'
import type { Answer, Client } from './client.ts'
import { evmWallet, solanaWallet, type Data, type SignOptions, type Wallet } from './wallets.ts'

export const SPOT = '/account/subaccount/spot_asset/transfer'
export const PERP = '/account/subaccount/transfer'

export const newSolana = () => solanaWallet(randomBytes(32))
export const newEvm = () => evmWallet(generatePrivateKey())
export const idOf = (wallet: Wallet) =>
  wallet.address.startsWith('0x') ? wallet.address.toLowerCase() : wallet.address

/** A moment of its own for each message, so that two of the same content are two messages. */
let last = 0
export const freshTime = (): number => (last = Math.max(last + 1, Date.now()))

type Options = Partial<SignOptions> & { account?: string }

export function signedCalls(client: Client) {
  const send = async (path: string, type: string, by: Wallet, data: Data, options: Options = {}) =>
    await client.call(path, { json: await by.body(type, data, { timestamp: freshTime(), ...options }) })

  const createBody = async (main: Wallet, sub: Wallet, options: Partial<SignOptions> = {}) => {
    const times = { timestamp: freshTime(), ...options }
    const offer = await sub.sign('subaccount_initiate', { account: main.address }, times)
    const value = typeof offer === 'string' ? offer : offer.value
    const confirmation = await main.sign('subaccount_confirm', { signature: value }, times)
    const window = times.expiryWindow === undefined ? {} : { expiry_window: times.expiryWindow }
    return {
      ...{ main_account: main.address, subaccount: sub.address },
      ...{ main_signature: confirmation, sub_signature: offer, timestamp: times.timestamp, ...window },
    }
  }
  const create = async (main: Wallet, sub: Wallet, options: Partial<SignOptions> = {}): Promise<Answer> =>
    await client.call('/account/subaccount/create', { json: await createBody(main, sub, options) })

  const bind = async (account: Wallet, agent: Wallet) =>
    await send('/agent/bind', 'bind_agent_wallet', account, { agent_wallet: agent.address })
  const revoke = async (account: Wallet, agent: Wallet) =>
    await send('/agent/revoke', 'revoke_agent_wallet', account, { agent_wallet: agent.address })
  const spot = async (by: Wallet, data: Data, options: Options = {}) =>
    await send(SPOT, 'transfer_spot_asset', by, { symbol: 'SOL', ...data }, options)
  const perp = async (by: Wallet, data: Data, options: Options = {}) =>
    await send(PERP, 'transfer_funds', by, data, options)

  /** A main account with a subaccount and, when asked for, balances of the main account. */
  const family = async (
    credits: Record<string, string> = {},
    make: () => Wallet = newSolana,
  ): Promise<{ main: Wallet; sub: Wallet }> => {
    const [main, sub] = [make(), make()]
    const answer = await create(main, sub)
    expect(answer.status, answer.text).toBe(200)
    for (const [token, amount] of Object.entries(credits)) await client.credit(main.address, token, amount)
    return { main, sub }
  }

  /** Everything that a refused signed request must leave alone. */
  const trace = async (...wallets: Wallet[]): Promise<string> => {
    const ids = wallets.map(idOf)
    const [row] = await client.sql<{ trace: string }>(
      `select concat_ws(' ', (select count(*) from ${entriesOf('$1')}), (select count(*) from ${keysOf('$1')}),
         (select count(*) from signed_messages where account = any($1)), (select count(*) from subaccounts where main_account = any($1) or subaccount = any($1)),
         (select count(*) || '/' || count(revoked_at) from agent_wallets where account = any($1) or agent_wallet = any($1)),
         (select string_agg(account || wallet || token || available || '/' || version, ' ' order by account, wallet, token) from balances where account = any($1))) as trace`,
      [ids],
    )
    return row?.trace ?? ''
  }

  return { send, createBody, create, bind, revoke, spot, perp, family, trace }
}

/** The refusal as the contract shows it. */
export function expectRefusal(
  answer: Answer,
  status: number,
  code: number,
  begins: string,
  id: string,
): void {
  expect(answer.body, answer.text).toMatchObject({ success: false, code, error_id: id })
  expect(answer.status).toBe(status)
  expect(String(answer.body.error).slice(0, begins.length)).toBe(begins)
  expect(answer.body.request_id).toBe(answer.headers.get('x-request-id'))
  expect(Object.keys(answer.body as object).sort()).toEqual([
    'code',
    'data',
    'error',
    'error_id',
    'request_id',
    'success',
  ])
}
