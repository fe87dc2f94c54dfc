/** Who signs: a wallet of the browser, or a development account. */
import { createClient, custom, type Address, type TypedDataDefinition } from 'viem'
import { requestAddresses, signMessage, signTypedData } from 'viem/actions'
import type { Operations } from '../examples/client.ts'
import { clientWith } from './api.ts'
import { fromHex, keyOf } from './ed25519.ts'
import { developmentProvider, type Playground } from './playground.ts'
import type { Provider } from './provider.ts'

type Nonce = Operations['GET /api/v1/auth/nonce/{address}']['answer']

const clientOf = (provider: Provider) => createClient({ transport: custom(provider) })
/** The way to the chain, through the wallet. */
export type Chain = ReturnType<typeof clientOf>

export interface Wallet {
  name: string
  /** As the API has it: an EVM address in lower case, or a Solana address. */
  account: string
  /** What a login sends, from what the API gave to sign. */
  login(nonce: Nonce): Promise<{ signature: string; timestamp: number }>
  /** A text of the wallet-signed family. */
  sign(text: string): Promise<string>
  /** Solana accounts have none. */
  chain?: Chain
  provider?: Provider
}

/** @throws the wallet's own error when its owner refuses */
export async function evmWallet(name: string, provider: Provider): Promise<Wallet> {
  const chain = clientOf(provider)
  const [address] = await requestAddresses(chain)
  if (address === undefined) throw new Error('the wallet shares no account')
  const account = address.toLowerCase() as Address
  return {
    name,
    account,
    chain,
    provider,
    async login({ typed_data: typed }) {
      const toSign = typed as unknown as TypedDataDefinition & { message: { timestamp: number } }
      const signature = await signTypedData(chain, { ...toSign, account })
      return { signature, timestamp: Number(toSign.message.timestamp) }
    },
    sign: async (message) => await signMessage(chain, { account, message }),
  }
}

export const developmentWallet = async (account: string): Promise<Wallet> =>
  await evmWallet('Development account', developmentProvider(account))

export async function solanaWallet({ seed }: Playground['solana'][number]): Promise<Wallet> {
  const key = await keyOf(fromHex(seed))
  return {
    name: 'Development account',
    account: key.address,
    async login({ message = '' }) {
      const { timestamp } = JSON.parse(message) as { timestamp: number }
      return { signature: await key.sign(message), timestamp }
    },
    sign: async (text) => await key.sign(text),
  }
}

export interface Session {
  wallet: Wallet
  token: string
  /** Unix seconds. */
  expiresAt: number
}

export async function signIn(wallet: Wallet): Promise<Session> {
  const guest = clientWith()
  const nonce = await guest.call('GET /api/v1/auth/nonce/{address}', { params: { address: wallet.account } })
  const body = { address: wallet.account, ...(await wallet.login(nonce)) }
  const { token, expires_at: expiresAt } = await guest.call('POST /api/v1/auth/login', { body })
  return { wallet, token, expiresAt }
}
