import { pbkdf2Sync } from 'node:crypto'
import { toHex, type Address, type Hex } from 'viem'
import { HDKey, privateKeyToAddress } from 'viem/accounts'

export interface ChainAccount {
  address: Address
  privateKey: Hex
}

/** Where a mnemonic's accounts hang. Kept: to stretch the words takes longer than everything after it. */
const parents = new Map<string, HDKey>()

/** BIP-39 without a passphrase, by Node's own hash: in JavaScript it takes a hundred times as long. */
const seedOf = (mnemonic: string): Uint8Array =>
  pbkdf2Sync(mnemonic.normalize('NFKD'), 'mnemonic', 2048, 64, 'sha512')

/** The n-th account of a mnemonic, from 0, as every Ethereum tool counts them. */
export function keyAt(mnemonic: string, index: number): ChainAccount {
  const parent = parents.get(mnemonic) ?? HDKey.fromMasterSeed(seedOf(mnemonic)).derive("m/44'/60'/0'/0")
  parents.set(mnemonic, parent)
  const key = parent.deriveChild(index).privateKey
  if (key === null) throw new Error('a mnemonic always gives private keys')
  const privateKey = toHex(key)
  return { address: privateKeyToAddress(privateKey), privateKey }
}
