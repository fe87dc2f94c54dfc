/** The account's subaccounts: what they hold, and the keys that this browser can sign for them with. */
import { useState } from 'preact/hooks'
import { ApiFailure, type Balance, type Client } from './api.ts'
import type { Key } from './ed25519.ts'
import { creationBody, openKeyring, signedBody, signerOf, type Keyring } from './signing.ts'
import { useSettled, type Account } from './use-account.ts'

export interface Subaccount {
  address: string
  spot: Balance[]
  perp: Balance[]
  /** Of this browser's keyring; without it only its owner can move what it holds. */
  key: Key | undefined
}

export interface Subaccounts {
  list: Subaccount[]
  keyring: Keyring | undefined
  /** Makes the keys and lets this page's agent act for the account. */
  unlock(): Promise<void>
  create(): Promise<string>
  move(move: Move, idempotencyKey: string): Promise<void>
}

export interface Move {
  sub: Subaccount
  toSub: boolean
  symbol: string
  amount: string
}

const NO_AGENT = 'agent_not_authorized'
const DONE_BEFORE = 'duplicate_idempotency_key'

export function useSubaccounts(account: Account): Subaccounts {
  const { client, session, changes, changed } = account
  const { wallet } = session
  const [keyring, setKeyring] = useState<Keyring>()
  const [list, setList] = useState<Subaccount[]>([])
  const read = async (keys: Keyring): Promise<Subaccount[]> => {
    const subs = await readSubaccounts(client, wallet.account, keys)
    setList(subs)
    return subs
  }
  useSettled(changes, () => {
    if (keyring) void read(keyring).catch(() => undefined)
  }, [keyring])
  return {
    list,
    keyring,
    async unlock() {
      const keys = await openKeyring(wallet)
      await read(keys).catch(async (error: unknown) => {
        if (!(error instanceof ApiFailure) || error.code !== NO_AGENT) throw error
        const data = { agent_wallet: keys.agent.address }
        const body = await signedBody('bind_agent_wallet', wallet.account, data, signerOf(wallet))
        await client.call('POST /api/v1/agent/bind', { body })
        await read(keys)
      })
      setKeyring(keys)
    },
    async create() {
      if (keyring === undefined) throw new Error('unlock the subaccounts first')
      const known = (await read(keyring)).map(({ address }) => address)
      let number = 0
      let sub = await keyring.sub(number)
      while (known.includes(sub.address)) sub = await keyring.sub((number += 1))
      const body = await creationBody(wallet, sub)
      await client.call('POST /api/v1/account/subaccount/create', { body })
      changed()
      return sub.address
    },
    async move({ sub, toSub, symbol, amount }, idempotencyKey) {
      const signer = toSub ? keyring?.agent : sub.key
      if (signer === undefined) throw new Error('this browser has no key that may sign this')
      const from = toSub ? wallet.account : sub.address
      const to = toSub ? sub.address : wallet.account
      const data = { to_account: to, symbol, amount, idempotency_key: idempotencyKey }
      const body = await signedBody('transfer_spot_asset', from, data, signer)
      await client
        .call('POST /api/v1/account/subaccount/spot_asset/transfer', { body })
        .catch((error: unknown) => {
          // The answer of a try before was lost: it has moved then, and not a second time now.
          if (!(error instanceof ApiFailure) || error.code !== DONE_BEFORE) throw error
        })
      changed()
    },
  }
}

async function readSubaccounts(client: Client, main: string, keyring: Keyring): Promise<Subaccount[]> {
  const body = await signedBody('list_subaccounts', main, {}, keyring.agent)
  const { data } = await client.call('POST /api/v1/account/subaccount/list', { body })
  const keys = await Promise.all(data.subaccounts.map(async (_, number) => await keyring.sub(number)))
  return await Promise.all(
    data.subaccounts.map(async ({ address }) => {
      const query = { account: address }
      const [spot, perp] = await Promise.all([
        client.call('GET /api/v1/spot/balances', { query }),
        client.call('GET /api/v1/perp/balances', { query }),
      ])
      return {
        address,
        spot: spot.balances,
        perp: perp.balances,
        key: keys.find((key) => key.address === address),
      }
    }),
  )
}
