import { createPrivateKey, createPublicKey, type KeyObject, sign as signWithKey } from 'node:crypto'
import { base58 } from '@scure/base'
import { type Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

/**
 * Wallets that sign as clients do. Nothing here shares code with functions/_lib: the keys are OpenSSL's and
 * viem's, and the text and the envelopes are built a second time, so that a mistake cannot sign itself.
 */
export type Wallet = {
  readonly address: string
  /** The `signature` field over exactly this text. */
  signText(text: string, as?: SignAs): Promise<SignatureField>
  /** The `signature` field over an operation. */
  sign(type: string, data: Data, options: SignOptions): Promise<SignatureField>
  /** A whole flat body: account, data, times and signature. */
  body(type: string, data: Data, options: SignOptions & { account?: string }): Promise<FlatBody>
}

export type Data = Readonly<Record<string, unknown>>
export type FlatBody = Record<string, unknown>
export type SignatureField = string | { type: string; value: string }
/** How a wallet wraps what it signs and how it writes the signature. */
export type SignAs = 'plain' | 'object' | 'raw' | 'legacy' | 'v0' | 'v1'
export type SignOptions = {
  readonly timestamp: number
  /** Left out of the body and of the text when undefined. */
  readonly expiryWindow?: number | null | undefined
  readonly as?: SignAs
  /** Escape non-ASCII text as Python's json.dumps does. */
  readonly escape?: boolean
}

/** `signBytes` is for messages that no wallet makes. */
export type SolanaWallet = Wallet & { signBytes(message: Uint8Array): string }

export function solanaWallet(seed: number | Uint8Array): SolanaWallet {
  const key = ed25519Key(typeof seed === 'number' ? new Uint8Array(32).fill(seed) : seed)
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32)
  const signBytes = (message: Uint8Array) => base58.encode(signWithKey(null, message, key))
  const signText = async (text: string, as: SignAs = 'plain') => {
    const value = signBytes(wrapped(text, as, publicKey))
    return as === 'plain' ? value : { type: FIELD_TYPE[as], value }
  }
  return { ...wallet(base58.encode(publicKey), signText), signBytes }
}

export function evmWallet(privateKey: Hex): Wallet {
  const account = privateKeyToAccount(privateKey)
  return wallet(account.address, async (text) => await account.signMessage({ message: text }))
}

/** The canonical text, written independently of the server's. */
export function signedText(type: string, data: Data, options: SignOptions): string {
  const { timestamp, expiryWindow, escape } = options
  const text = sorted({ type, timestamp, expiry_window: expiryWindow, data })
  return escape ? [...text].flatMap(escapedUnits).join('') : text
}

const FIELD_TYPE = {
  object: 'ed25519',
  raw: 'raw',
  legacy: 'hardware',
  v0: 'hardware',
  v1: 'hardware',
} as const

function wallet(address: string, signText: Wallet['signText']): Wallet {
  const sign: Wallet['sign'] = async (type, data, options) =>
    await signText(signedText(type, data, options), options.as)
  return {
    address,
    signText,
    sign,
    async body(type, data, { account = address, ...options }) {
      const signature = await sign(type, data, options)
      const window = options.expiryWindow === undefined ? {} : { expiry_window: options.expiryWindow }
      const agent = account === address ? {} : { agent_wallet: address }
      return { account, ...agent, ...data, timestamp: options.timestamp, ...window, signature }
    },
  }
}

function ed25519Key(seed: Uint8Array): KeyObject {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
}

function wrapped(text: string, as: SignAs, signer: Uint8Array): Buffer {
  const body = Buffer.from(text, 'utf8')
  const domain = Buffer.from('\xffsolana offchain', 'latin1')
  const format = [body.every((byte) => byte >= 0x20 && byte <= 0x7e) ? 0 : 1]
  const length = Buffer.alloc(2)
  length.writeUInt16LE(body.length)
  const parts = {
    legacy: [domain, Buffer.from([0, ...format]), length, body],
    v0: [domain, Buffer.alloc(1 + 32), Buffer.from([...format, 1]), signer, length, body],
    v1: [domain, Buffer.from([1, 1]), signer, body],
    plain: [body],
    object: [body],
    raw: [body],
  }
  return Buffer.concat(parts[as])
}

const sorted = (value: unknown): string => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return JSON.stringify(value)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  const texts = members
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => [key, sorted(member)] as const)
  return `{${texts.map(([key, member]) => `${JSON.stringify(key)}:${member}`).join()}}`
}

const escapedUnits = (character: string): string[] =>
  /^[\x20-\x7e]$/.test(character)
    ? [character]
    : Array.from({ length: character.length }, (_, at) => {
        return `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`
      })
