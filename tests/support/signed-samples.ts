/** A rightly signed body for each endpoint of the wallet-signed family: past every check but the ledger's. */
import type { Client } from './client.ts'
import { freshTime, newSolana, PERP, signedCalls, SPOT } from './subaccounts.ts'
import type { Data, Wallet } from './wallets.ts'

type Sample = (by: Wallet, client: Client) => Promise<object>

const flat =
  (type: string, data: () => Data = () => ({})): Sample =>
  async (by) =>
    await by.body(type, data(), { timestamp: freshTime() })
const agentWallet = () => ({ agent_wallet: newSolana().address })

/** By path. The main account signs what two accounts sign. */
export const SIGNED_SAMPLES: Record<string, Sample> = {
  '/api/v1/account/subaccount/create': async (by, client) =>
    await signedCalls(client).createBody(by, newSolana()),
  '/api/v1/account/subaccount/list': flat('list_subaccounts'),
  [`/api/v1${SPOT}`]: flat('transfer_spot_asset', () => ({
    to_account: newSolana().address,
    symbol: 'SOL',
    amount: '1',
  })),
  [`/api/v1${PERP}`]: flat('transfer_funds', () => ({ to_account: newSolana().address, amount: '1' })),
  '/api/v1/agent/bind': flat('bind_agent_wallet', agentWallet),
  '/api/v1/agent/list': flat('list_agent_wallets'),
  '/api/v1/agent/revoke': flat('revoke_agent_wallet', agentWallet),
  '/api/v1/agent/revoke_all': flat('revoke_all_agent_wallets'),
}
