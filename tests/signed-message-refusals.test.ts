import { base58 } from '@scure/base'
import { bytesToHex, hexToBytes } from '@noble/curves/utils.js'
import { describe, expect, test } from 'vitest'
import { type EnvelopeLayout, offchainEnvelope } from '../functions/_lib/wallet/offchain-envelope.ts'
import { REFUSAL_TEXT, verifyClaim, verifySignedBody } from '../functions/_lib/signed/message.ts'
import {
  AGENT,
  BY_AGENT,
  BY_MAIN,
  BY_MAIN_IN_ENVELOPE,
  INITIATE_BY_SUB,
  MAIN,
  NOW,
  SUB,
  TRANSFER,
  TRANSFER_DATA,
  TRANSFER_TEXT,
  transferBody,
} from './support/signed-vectors.ts'
import { solanaWallet } from './support/wallets.ts'

type Change = Record<string, unknown>
const DATA_FIELDS = [...TRANSFER.fields, 'memo']
const main = solanaWallet(1)
const sub = solanaWallet(2)

/** Undefined in a change takes the field out of the body. */
const bodyWith = (change: Change, base = transferBody()): Change =>
  Object.fromEntries(Object.entries({ ...base, ...change }).filter(([, value]) => value !== undefined))
const refusal = async (
  body: Change,
  operation: Parameters<typeof verifySignedBody>[1] = TRANSFER,
  now = NOW,
) => {
  const verdict = await verifySignedBody(body, operation, now)
  return verdict.ok ? 'accepted' : verdict.reason
}
const withChar = (text: string, at: number, char: string) => text.slice(0, at) + char + text.slice(at + 1)
const resized = (length: number) => base58.encode(Uint8Array.from({ ...base58.decode(BY_MAIN), length }))
const reversed = base58.encode(base58.decode(BY_MAIN).reverse())
const hardware = (value: string) => ({ signature: { type: 'hardware', value } })
const asIs = (signature: unknown) => ({ signature })

const failed: [string, Change][] = [
  ['one character of the signature is another', asIs(withChar(BY_MAIN, 40, BY_MAIN[40] === 'x' ? 'y' : 'x'))],
  ['the last character of the signature is another', asIs(withChar(BY_MAIN, 87, '6'))],
  ['the bytes of the signature are the wrong way round', asIs(reversed)],
  ['the signature is all zero', asIs('1'.repeat(64))],
  ['the signature is of another operation', asIs(INITIATE_BY_SUB)],
  ['the amount is 1.5 where 1.50000000 was signed', { amount: '1.5' }],
  ['the amount is one digit up', { amount: '2.50000000' }],
  ['the amount has a space after it', { amount: '1.50000000 ' }],
  ['the amount has a newline after it', { amount: '1.50000000\n' }],
  ['the amount is a number', { amount: 1 }],
  ['the amount is null', { amount: null }],
  ['the amount is missing', { amount: undefined }],
  ['the symbol is in lower case', { symbol: 'sol' }],
  ['the symbol has a Cyrillic letter', { symbol: 'SО\u004c' }],
  ['the symbol has a zero-width space', { symbol: 'SOL\u200b' }],
  ['the destination is the sender', { to_account: MAIN }],
  ['the destination is in another case', { to_account: SUB.toLowerCase() }],
  ['the idempotency key is missing', { idempotency_key: undefined }],
  ['the idempotency key is null', { idempotency_key: null }],
  ['the idempotency key is in upper case', { idempotency_key: TRANSFER_DATA.idempotency_key.toUpperCase() }],
  ['the idempotency key is another', { idempotency_key: 'f47ac10b-58cc-4372-a567-0e02b2c3d478' }],
  ['the data has one more field', { memo: '' }],
  ['the timestamp is a millisecond early', { timestamp: NOW - 1 }],
  ['the timestamp is a millisecond late', { timestamp: NOW + 1 }],
  ['the window is a millisecond short', { expiry_window: 29999 }],
  ['the window is a millisecond long', { expiry_window: 30001 }],
  ['the window is longer, to keep the message alive', { expiry_window: 300000 }],
  ['the account is another', { account: SUB }],
  ['the agent signed and is not named', asIs(BY_AGENT)],
  ['the agent is named and the account signed', { agent_wallet: AGENT }],
  ['another agent is named than signed', { agent_wallet: SUB, signature: BY_AGENT }],
  ['a plain signature comes as hardware', hardware(BY_MAIN)],
  ['a legacy envelope comes as plain', asIs(BY_MAIN_IN_ENVELOPE.legacy)],
  ['a V0 envelope comes as plain', asIs(BY_MAIN_IN_ENVELOPE.v0)],
  ['a V1 envelope comes as raw', asIs({ type: 'raw', value: BY_MAIN_IN_ENVELOPE.v1 })],
  ['an envelope is over another amount', { ...hardware(BY_MAIN_IN_ENVELOPE.legacy), amount: '1.5' }],
  ['an envelope is under another account', { ...hardware(BY_MAIN_IN_ENVELOPE.v1), account: SUB }],
]

const badSignature: [string, unknown][] = [
  ['missing', undefined],
  ['null', null],
  ['empty', ''],
  ['a number', 1],
  ['an array', [BY_MAIN]],
  ['63 bytes', resized(63)],
  ['65 bytes', resized(65)],
  ['32 bytes (an address)', MAIN],
  ['with a 0', withChar(BY_MAIN, 5, '0')],
  ['with an O', withChar(BY_MAIN, 5, 'O')],
  ['with an I', withChar(BY_MAIN, 5, 'I')],
  ['with an l', withChar(BY_MAIN, 5, 'l')],
  ['with a space before', ' ' + BY_MAIN],
  ['with a newline after', BY_MAIN + '\n'],
  ['with a leading 1', '1' + BY_MAIN],
  ['hex', bytesToHex(base58.decode(BY_MAIN))],
  ['base64', Buffer.from(base58.decode(BY_MAIN)).toString('base64')],
  ['very long', BY_MAIN.repeat(10_000)],
  ['an object without a type', { value: BY_MAIN }],
  ['an object without a value', { type: 'hardware' }],
  ['an object with one more member', { type: 'raw', value: BY_MAIN, version: 1 }],
  ['of an unknown type', { type: 'ledger', value: BY_MAIN }],
  ['of a type in upper case', { type: 'HARDWARE', value: BY_MAIN_IN_ENVELOPE.v1 }],
  ['of a type that every object has', { type: 'constructor', value: BY_MAIN }],
  ['an object in an object', { type: 'raw', value: { type: 'raw', value: BY_MAIN } }],
  ['65 bytes of EVM hex for a Solana key', '0x' + '11'.repeat(64) + '1b'],
]

const badKey: [string, Change][] = [
  ['the account is missing', { account: undefined }],
  ['the account is no text', { account: { id: MAIN } }],
  ['the account has 31 bytes', { account: base58.encode(base58.decode(MAIN).subarray(1)) }],
  ['the account is the identity point', { account: base58.encode(Uint8Array.of(1, ...new Uint8Array(31))) }],
  ['the account is the system program', { account: '1'.repeat(32) }],
  ['the account has a wrong checksum', { account: '0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed' }],
  ['the agent is empty', { agent_wallet: '' }],
  ['the agent is false', { agent_wallet: false }],
  ['the agent is off the curve', { agent_wallet: base58.encode(Uint8Array.of(2, ...new Uint8Array(31))) }],
]

const badMessage: [string, Change][] = [
  ['the timestamp is missing', { timestamp: undefined }],
  ['the timestamp is a text', { timestamp: String(NOW) }],
  ['the timestamp is a fraction', { timestamp: NOW + 0.5 }],
  ['the timestamp is negative', { timestamp: -1 }],
  ['the timestamp is past the safe integers', { timestamp: 2 ** 53 }],
  ['the timestamp is in seconds', { timestamp: NOW / 1000 }],
  ['the timestamp is in microseconds', { timestamp: NOW * 1000 }],
  ['the window is negative and the time is ahead', { timestamp: NOW + 5000, expiry_window: -1 }],
  ['the window is a fraction', { expiry_window: 0.5 }],
  ['the window is a text', { expiry_window: '30000' }],
  ['the window is false', { expiry_window: false }],
  ['the window is over 300000', { expiry_window: 300001 }],
  ['a number in the data is a fraction', { amount: 1.5 }],
  ['the data is deeper than any operation', { symbol: [[[[[]]]]] }],
]

describe('one change to the signed body is never accepted:', () => {
  const operation = { ...TRANSFER, fields: DATA_FIELDS }
  test('the unchanged body is accepted, so it is the change that is refused', async () => {
    expect(await refusal(transferBody(), operation)).toBe('accepted')
  })
  test.each(failed)('verification failed when %s', async (_name, change) => {
    expect(await refusal(bodyWith(change), operation)).toBe('verification_failed')
  })
  test.each(badSignature)('invalid signature when it is %s', async (_name, signature) => {
    expect(await refusal(bodyWith({ signature }))).toBe('invalid_signature')
  })
  test.each(badKey)('invalid public key when %s', async (_name, change) => {
    expect(await refusal(bodyWith(change))).toBe('invalid_public_key')
  })
  test.each(badMessage)('invalid message when %s', async (_name, change) => {
    expect(await refusal(bodyWith(change))).toBe('invalid_message')
  })
  test.each(['transfer_funds', 'Transfer_spot_asset', 'transfer_spot_asset ', ''])(
    'verification failed when the operation is "%s"',
    async (type) => expect(await refusal(transferBody(), { ...TRANSFER, type })).toBe('verification_failed'),
  )
  test('verification failed when no agent may act and one signed', async () => {
    const body = bodyWith({ agent_wallet: AGENT, signature: BY_AGENT })
    expect(await refusal(body, { ...TRANSFER, agentMaySign: false })).toBe('verification_failed')
  })

  test.each<[string, string]>([
    ['has a newline after it', TRANSFER_TEXT + '\n'],
    ['has spaces in it', TRANSFER_TEXT.replaceAll(',"', ', "')],
    ['has a byte order mark', '\ufeff' + TRANSFER_TEXT],
    [
      'is not sorted',
      JSON.stringify({ type: TRANSFER.type, timestamp: NOW, expiry_window: 30000, data: TRANSFER_DATA }),
    ],
    ['names the account', TRANSFER_TEXT.replace('{"data"', `{"account":"${MAIN}","data"`)],
    ['is the data alone', JSON.stringify(TRANSFER_DATA)],
  ])('verification failed when the text main signed %s', async (_name, text) => {
    expect(await refusal(bodyWith({ signature: await main.signText(text) }))).toBe('verification_failed')
  })
  test('verification failed when the sub signed in the name of main', async () => {
    expect(await refusal(bodyWith({ signature: await sub.signText(TRANSFER_TEXT) }))).toBe(
      'verification_failed',
    )
  })

  test.each<[string, EnvelopeLayout, number]>([
    ['the legacy envelope has another signing domain', 'legacy', 1],
    ['the legacy envelope has another version', 'legacy', 16],
    ['the legacy envelope has another format', 'legacy', 17],
    ['the legacy envelope has a length one off', 'legacy', 18],
    ['the legacy envelope has another length by 256', 'legacy', 19],
    ['the V0 envelope has another application domain', 'v0', 17],
    ['the V0 envelope has another format', 'v0', 49],
    ['the V0 envelope has another signer count', 'v0', 50],
    ['the V0 envelope has another signer', 'v0', 51],
    ['the V0 envelope has a length one off', 'v0', 83],
    ['the V1 envelope has another version', 'v1', 16],
    ['the V1 envelope has another signer count', 'v1', 17],
    ['the V1 envelope has another signer', 'v1', 18],
  ])('verification failed when %s', async (_name, layout, at) => {
    const envelope = offchainEnvelope(layout, TRANSFER_TEXT, base58.decode(MAIN))!
    expect(await refusal(bodyWith(hardware(main.signBytes(envelope))))).toBe('accepted')
    envelope[at]! ^= 1
    expect(await refusal(bodyWith(hardware(main.signBytes(envelope))))).toBe('verification_failed')
  })
})

describe('what a refusal says', () => {
  test('a mismatch carries the preferred text and the key, and they are those of the caller', async () => {
    const verdict = await verifySignedBody(
      bodyWith({ agent_wallet: AGENT, expiry_window: null }),
      TRANSFER,
      NOW,
    )
    const canonicalText = TRANSFER_TEXT.replace('"expiry_window":30000,', '')
    expect(verdict).toMatchObject({
      ok: false,
      reason: 'verification_failed',
      canonicalText,
      checkedKey: AGENT,
    })
  })
  test('a forged signature under the identity key moves nothing: the key itself is refused', async () => {
    const identity = base58.encode(hexToBytes('01' + '00'.repeat(31)))
    const signature = base58.encode(hexToBytes('01' + '00'.repeat(63)))
    const claim = { account: MAIN, agentWallet: identity, signature, timestamp: NOW, type: 't', data: {} }
    expect(await verifyClaim(claim, NOW)).toMatchObject({ ok: false, reason: 'invalid_public_key' })
  })
  test('each reason begins as the contract spells it', () => {
    expect(Object.values(REFUSAL_TEXT)).toEqual([
      'Invalid signature',
      'Invalid public key',
      'Invalid message',
      'Verification failed',
    ])
  })
})
