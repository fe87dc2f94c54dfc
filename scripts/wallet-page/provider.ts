/** Wallets of the browser, as they announce themselves (EIP-6963), each with an EIP-1193 provider. */
import type { EIP1193Provider } from 'viem'

export type Provider = EIP1193Provider

export interface Announced {
  info: { uuid: string; name: string; icon: string; rdns: string }
  provider: Provider
}

/** Calls back with each wallet that is there, and each that comes. @returns what ends it */
export function watchWallets(onWallet: (wallet: Announced) => void): () => void {
  const listener = (event: Event) => onWallet((event as CustomEvent<Announced>).detail)
  window.addEventListener('eip6963:announceProvider', listener)
  window.dispatchEvent(new Event('eip6963:requestProvider'))
  return () => window.removeEventListener('eip6963:announceProvider', listener)
}
