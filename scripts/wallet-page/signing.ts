/** Bodies of the wallet-signed family, and the keys that this browser makes for subaccounts. */
import { canonicalText } from '../../functions/_lib/wallet/canonical-text.ts'
import { keyOf, type Key } from './ed25519.ts'
import type { Wallet } from './wallet.ts'

/** A person may take a while to agree in the wallet. */
const WINDOW_MS = 300_000

interface Times {
  timestamp: number
  expiry_window: number
}
interface Signer {
  address: string
  sign(text: string): Promise<string>
}

export const signerOf = ({ account, sign }: Wallet): Signer => ({ address: account, sign })

/** A flat body, signed by the account itself or by its agent. */
export async function signedBody<D extends Record<string, string>>(
  type: string,
  account: string,
  data: D,
  { address, sign }: Signer,
): Promise<D & Times & { account: string; signature: string; agent_wallet?: string }> {
  const timestamp = Date.now()
  const signature = await sign(canonicalText(type, data, timestamp, WINDOW_MS))
  const by = address === account ? {} : { agent_wallet: address }
  return { account, ...by, ...data, timestamp, expiry_window: WINDOW_MS, signature }
}

/** What makes `sub` a subaccount of the wallet's account: both sign. */
export async function creationBody(main: Wallet, sub: Key) {
  const timestamp = Date.now()
  const offer = await sub.sign(
    canonicalText('subaccount_initiate', { account: main.account }, timestamp, WINDOW_MS),
  )
  const confirmed = canonicalText('subaccount_confirm', { signature: offer }, timestamp, WINDOW_MS)
  return {
    ...{ main_account: main.account, subaccount: sub.address },
    ...{ main_signature: await main.sign(confirmed), sub_signature: offer },
    ...{ timestamp, expiry_window: WINDOW_MS },
  }
}

/** Keys that follow from one signature of the wallet, so that the wallet alone can make them again anywhere. */
export interface Keyring {
  /** May move to subaccounts for the account, once it is bound. */
  agent: Key
  /** Of the subaccount with this number, from 0. */
  sub(number: number): Promise<Key>
}

const secretText = (account: string): string =>
  `Keys of the subaccounts of ${account} at ${location.host}.\n\n` +
  'Sign this on that site only: whoever has the signature can move what is in your subaccounts.'

/** Keys that cannot be made again would be lost with this page, and what they hold with them. */
export async function openKeyring(wallet: Wallet): Promise<Keyring> {
  const text = secretText(wallet.account)
  const secret = await wallet.sign(text)
  if ((await wallet.sign(text)) !== secret)
    throw new Error('this wallet signs differently each time, so it cannot make the same keys again')
  const key = async (name: string) =>
    await keyOf(
      new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(name + secret))),
    )
  return { agent: await key('agent '), sub: async (number) => await key(`subaccount ${number} `) }
}
