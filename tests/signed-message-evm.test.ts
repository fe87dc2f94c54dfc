import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex, numberToBytesBE } from '@noble/curves/utils.js'
import { type Hex, keccak256, recoverMessageAddress } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, test } from 'vitest'
import { parsePersonalSignature, recoverPersonalSigner } from '../functions/_lib/wallet/personal-sign.ts'
import { type MessageRefusal, verifySignedBody } from '../functions/_lib/signed/message.ts'
import {
  BY_MAIN,
  BY_MAIN_IN_ENVELOPE,
  NOW,
  TRANSFER,
  TRANSFER_DATA,
  TRANSFER_TEXT,
} from './support/signed-vectors.ts'
import { evmWallet } from './support/wallets.ts'

const evm = evmWallet(`0x${'11'.repeat(32)}`)
const refusal = async (body: Record<string, unknown>) => {
  const verdict = await verifySignedBody(body, TRANSFER, NOW)
  return verdict.ok ? 'accepted' : verdict.reason
}
const withChar = (text: string, at: number, char: string) => text.slice(0, at) + char + text.slice(at + 1)

test('the recovered address is the one viem recovers, also for a changed text and a changed signature', async () => {
  const signature = (await evm.signText(TRANSFER_TEXT)) as Hex
  for (const hex of [signature, withChar(signature, 30, signature[30] === '0' ? '1' : '0') as Hex])
    for (const message of [TRANSFER_TEXT, 'hey there', 'é 💸', '']) {
      const parsed = parsePersonalSignature(hex)
      const ours = 'problem' in parsed ? null : recoverPersonalSigner(parsed, message)
      const theirs = await recoverMessageAddress({ message, signature: hex }).catch(() => null)
      expect(ours).toBe(theirs === null ? null : theirs.toLowerCase())
    }
})

test('a signature whose last byte is the bare parity is the one that ends in 27 or 28', async () => {
  for (const text of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const signature = (await evm.signText(text)) as Hex
    const bare = signature.slice(0, -2) + (signature.endsWith('1b') ? '00' : '01')
    const recovered = [signature, bare].map((hex) => {
      const parsed = parsePersonalSignature(hex)
      return 'problem' in parsed ? parsed.problem : recoverPersonalSigner(parsed, text)
    })
    expect(recovered).toEqual([evm.address.toLowerCase(), evm.address.toLowerCase()])
  }
})

describe('an EVM signature with one change is never accepted:', () => {
  const signing = evm.body(TRANSFER.type, TRANSFER_DATA, { timestamp: NOW, expiryWindow: 30000 })
  const half = (hex: string, from: number) => hex.slice(2 + from * 64, 2 + from * 64 + 64)
  const highS = (hex: string) => {
    const s = numberToBytesBE(secp256k1.Point.Fn.ORDER - BigInt('0x' + half(hex, 1)), 32)
    return '0x' + half(hex, 0) + bytesToHex(s) + (hex.endsWith('1b') ? '1c' : '1b')
  }
  const order = secp256k1.Point.Fn.ORDER.toString(16)

  test.each<[string, (hex: string) => unknown, MessageRefusal['reason']]>([
    ['a high s with the other v', highS, 'invalid_signature'],
    ['v 29', (hex) => hex.slice(0, -2) + '1d', 'invalid_signature'],
    ['v 2', (hex) => hex.slice(0, -2) + '02', 'invalid_signature'],
    ['v of EIP-155', (hex) => hex.slice(0, -2) + '25', 'invalid_signature'],
    ['64 bytes (EIP-2098)', (hex) => hex.slice(0, -2), 'invalid_signature'],
    ['66 bytes', (hex) => hex + '00', 'invalid_signature'],
    ['an upper-case 0X', (hex) => '0X' + hex.slice(2), 'invalid_signature'],
    ['no 0x', (hex) => hex.slice(2), 'invalid_signature'],
    ['r zero', (hex) => '0x' + '0'.repeat(64) + hex.slice(66), 'invalid_signature'],
    ['s zero', (hex) => '0x' + half(hex, 0) + '0'.repeat(64) + '1b', 'invalid_signature'],
    ['r of the order', (hex) => '0x' + order + hex.slice(66), 'invalid_signature'],
    ['the type hardware', (value) => ({ type: 'hardware', value }), 'invalid_signature'],
    ['the type ed25519', (value) => ({ type: 'ed25519', value }), 'invalid_signature'],
    ['base58 of an ed25519 signature', () => BY_MAIN, 'invalid_signature'],
    ['a hardware envelope', () => ({ type: 'hardware', value: BY_MAIN_IN_ENVELOPE.v1 }), 'invalid_signature'],
    [
      'the other parity',
      (hex) => hex.slice(0, -2) + (hex.endsWith('1b') ? '1c' : '1b'),
      'verification_failed',
    ],
    ['one bit of r', (hex) => withChar(hex, 20, hex[20] === '0' ? '1' : '0'), 'verification_failed'],
  ])('%s', async (_name, change, reason) => {
    const body = await signing
    expect(await refusal(body)).toBe('accepted')
    expect(await refusal({ ...body, signature: change(body['signature'] as string) })).toBe(reason)
  })

  test.each<[string, (account: ReturnType<typeof privateKeyToAccount>) => Promise<Hex>]>([
    ['the bare text', async (account) => await account.sign({ hash: keccak256(utf8(TRANSFER_TEXT)) })],
    [
      'the prefix of another coin',
      async (account) => await signPrefixed(account, '\x19Conflux Signed Message:\n'),
    ],
    [
      'the prefix without its first byte',
      async (account) => await signPrefixed(account, 'Ethereum Signed Message:\n'),
    ],
    [
      'the hex of the text',
      async (account) => await account.signMessage({ message: bytesToHex(utf8(TRANSFER_TEXT)) }),
    ],
  ])('signed over %s', async (_name, sign) => {
    const signature = await sign(privateKeyToAccount(`0x${'11'.repeat(32)}`))
    expect(await refusal({ ...(await signing), signature })).toBe('verification_failed')
  })
})

const utf8 = (text: string) => new TextEncoder().encode(text)
const signPrefixed = async (
  account: ReturnType<typeof privateKeyToAccount>,
  prefix: string,
): Promise<Hex> => {
  return await account.sign({ hash: keccak256(utf8(prefix + TRANSFER_TEXT.length + TRANSFER_TEXT)) })
}
