/** The account's subaccounts: what they hold, and the keys that this browser can sign for them with. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { ApiFailure, repeated, type Balance, type Client } from './api.ts'
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

const DONE_BEFORE = 'duplicate_idempotency_key'

export function useSubaccounts(account: Account): Subaccounts {
  const { client, session, changes, changed } = account
  const { wallet } = session
  const [keyring, setKeyring] = useState<Keyring>()
  const [held, setHeld] = useState<Omit<Subaccount, 'key'>[]>([])
  const [keys, setKeys] = useState<Record<string, Key>>({})
  const tried = useRef<string | undefined>(undefined)
  const done = (address: string): string => {
    tried.current = undefined
    changed()
    return address
  }
  useSettled(changes, () => void readHeld(client).then(setHeld, () => undefined))
  useEffect(() => {
    // Made elsewhere, a subaccount has another key: so each number is tried, as many as there are.
    if (keyring !== undefined) void keysUpTo(keyring, held.length).then(setKeys)
  }, [keyring, held.length])
  return {
    list: held.map((one) => ({ ...one, key: keys[one.address] })),
    keyring,
    async unlock() {
      const made = await openKeyring(wallet)
      const data = { agent_wallet: made.agent.address }
      const body = await signedBody('bind_agent_wallet', wallet.account, data, signerOf(wallet))
      await client.call('POST /api/v1/agent/bind', { body })
      setKeyring(made)
    },
    async create() {
      if (keyring === undefined) throw new Error('unlock the subaccounts first')
      const known = (await readHeld(client)).map(({ address }) => address)
      // The answer of a try before was lost, and it was made: another one is not wanted.
      if (tried.current !== undefined && known.includes(tried.current)) return done(tried.current)
      let number = 0
      let sub = await keyring.sub(number)
      while (known.includes(sub.address)) sub = await keyring.sub((number += 1))
      const body = await creationBody(wallet, sub)
      tried.current = sub.address
      await client.call('POST /api/v1/account/subaccount/create', { body })
      return done(sub.address)
    },
    async move({ sub, toSub, symbol, amount }, idempotencyKey) {
      const signer = toSub ? keyring?.agent : sub.key
      if (signer === undefined) throw new Error('this browser has no key that may sign this')
      const from = toSub ? wallet.account : sub.address
      const to = toSub ? sub.address : wallet.account
      const data = { to_account: to, symbol, amount, idempotency_key: idempotencyKey }
      const body = await signedBody('transfer_spot_asset', from, data, signer)
      const path = 'POST /api/v1/account/subaccount/spot_asset/transfer'
      await repeated(async () => await client.call(path, { body })).catch((error: unknown) => {
        // The answer of a try before was lost: it has moved then, and not a second time now.
        if (!(error instanceof ApiFailure) || error.code !== DONE_BEFORE) throw error
      })
      changed()
    },
  }
}

async function readHeld(client: Client): Promise<Omit<Subaccount, 'key'>[]> {
  const query = { include: 'subaccounts' } as const
  const [spot, perp] = await Promise.all([
    client.call('GET /api/v1/spot/balances', { query }),
    client.call('GET /api/v1/perp/balances', { query }),
  ])
  return (spot.subaccounts ?? []).map(({ account, balances }) => ({
    address: account,
    spot: balances,
    perp: perp.subaccounts?.find((one) => one.account === account)?.balances ?? [],
  }))
}

async function keysUpTo(keyring: Keyring, count: number): Promise<Record<string, Key>> {
  const keys = await Promise.all(
    Array.from({ length: count }, async (_, number) => await keyring.sub(number)),
  )
  return Object.fromEntries(keys.map((key) => [key.address, key]))
}
