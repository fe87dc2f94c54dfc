import { toHex, type Address, type HDAccount, type Hex } from 'viem'
import { mnemonicToAccount, privateKeyToAccount } from 'viem/accounts'

export interface ChainAccount {
  address: Address
  privateKey: Hex
}

/** Where a mnemonic's accounts hang. Kept: to stretch the words takes longer than everything after it. */
const parents = new Map<string, ReturnType<HDAccount['getHdKey']>>()

/** The n-th account of a mnemonic, from 0, as every Ethereum tool counts them. */
export function keyAt(mnemonic: string, index: number): ChainAccount {
  const parent = parents.get(mnemonic) ?? mnemonicToAccount(mnemonic, { path: "m/44'/60'/0'/0" }).getHdKey()
  parents.set(mnemonic, parent)
  const key = parent.deriveChild(index).privateKey
  if (key === null) throw new Error('a mnemonic always gives private keys')
  const privateKey = toHex(key)
  return { address: privateKeyToAccount(privateKey).address, privateKey }
}
