import { base58 } from '@scure/base'
import fc from 'fast-check'
import { type Hex } from 'viem'
import { describe, expect, test } from 'vitest'
import { decodeKeyText, decodeSignatureText, strictPublicKey } from '../functions/_lib/wallet/ed25519.ts'
import { envelopeLayoutSigned, offchainEnvelope } from '../functions/_lib/wallet/offchain-envelope.ts'
import { verifyClaim, verifySignedBody } from '../functions/_lib/signed/message.ts'
import {
  AGENT,
  BY_AGENT,
  BY_MAIN,
  BY_MAIN_IN_ENVELOPE,
  CONFIRM_BY_MAIN,
  HARDWARE_PAIR,
  INITIATE_BY_SUB,
  MAIN,
  NOW,
  SUB,
  TRANSFER,
  TRANSFER_DATA,
  TRANSFER_TEXT,
  transferBody,
} from './support/signed-vectors.ts'
import { evmWallet, type SignAs, signedText, solanaWallet } from './support/wallets.ts'

const main = solanaWallet(1)
const agent = solanaWallet(3)
const evm = evmWallet(`0x${'11'.repeat(32)}`)
const verify = async (change: Record<string, unknown> = {}) =>
  await verifySignedBody(transferBody(change), TRANSFER, NOW)
const text = TRANSFER_TEXT
const byMain = { ok: true, account: { kind: 'solana', id: MAIN }, signer: MAIN, viaAgent: false, text }

describe('the published vectors', () => {
  test('main signs for itself', async () => {
    expect(await verify()).toMatchObject({ ...byMain, expiresAt: NOW + 30000 })
  })

  test('the agent signs for main, and the answer says so', async () => {
    const verdict = await verify({ agent_wallet: AGENT, signature: BY_AGENT })
    expect(verdict).toMatchObject({ ...byMain, signer: AGENT, viaAgent: true })
  })

  test.each(Object.entries(BY_MAIN_IN_ENVELOPE))(
    'a hardware wallet signs inside the %s envelope',
    async (layout, value) => {
      expect(await verify({ signature: { type: 'hardware', value } })).toMatchObject(byMain)
      const key = strictPublicKey(decodeKeyText(MAIN)!)!
      expect(await envelopeLayoutSigned(decodeSignatureText(value)!, text, key)).toBe(layout)
    },
  )

  test.each(['ed25519', 'raw'])('{type: %s} is the same as the plain string', async (type) => {
    expect(await verify({ signature: { type, value: BY_MAIN } })).toEqual(await verify())
  })

  test('a real hardware wallet verifies over the legacy layout and no other', async () => {
    const key = strictPublicKey(decodeKeyText(HARDWARE_PAIR.key)!)!
    const signature = decodeSignatureText(HARDWARE_PAIR.signature)!
    expect(await envelopeLayoutSigned(signature, HARDWARE_PAIR.text, key)).toBe('legacy')
    expect(await envelopeLayoutSigned(signature, 'hey therf', key)).toBeNull()
  })

  test('the envelopes put 20, 85 and 50 bytes before the text', () => {
    const key = decodeKeyText(MAIN)!
    const before = (['legacy', 'v0', 'v1'] as const).map(
      (layout) => offchainEnvelope(layout, 'abc', key)!.length - 3,
    )
    expect(before).toEqual([20, 85, 50])
    expect(offchainEnvelope('legacy', 'a'.repeat(65536), key)).toBeNull()
  })

  test('the handshake of a subaccount: the sub asks, main confirms over the signature of the sub', async () => {
    const times = { timestamp: NOW, expiryWindow: 30000 }
    const initiate = { type: 'subaccount_initiate', data: { account: MAIN }, signature: INITIATE_BY_SUB }
    const confirm = {
      type: 'subaccount_confirm',
      data: { signature: INITIATE_BY_SUB },
      signature: CONFIRM_BY_MAIN,
    }
    expect(await verifyClaim({ ...times, account: SUB, ...initiate }, NOW)).toMatchObject({
      ok: true,
      signer: SUB,
    })
    expect(await verifyClaim({ ...times, account: MAIN, ...confirm }, NOW)).toMatchObject({
      ok: true,
      signer: MAIN,
    })
    expect(await verifyClaim({ ...times, account: SUB, ...confirm }, NOW)).toMatchObject({ ok: false })
  })

  test('main can confirm over a hardware signature of the sub, which is an object in the data', async () => {
    const data = { signature: { type: 'hardware', value: INITIATE_BY_SUB } }
    const signature = await main.sign('subaccount_confirm', data, { timestamp: NOW })
    const claim = { account: MAIN, type: 'subaccount_confirm', data, signature, timestamp: NOW }
    expect(await verifyClaim(claim, NOW)).toMatchObject({ ok: true })
  })
})

describe('clients that differ', () => {
  const windows = [undefined, null, 30000]
  test.each(windows.flatMap((signed) => [undefined, null].map((sent) => [signed, sent] as const)))(
    'signed with window %s and sent with %s verifies and lives 30 s',
    async (signed, sent) => {
      const signature = await main.sign(TRANSFER.type, TRANSFER_DATA, {
        timestamp: NOW,
        expiryWindow: signed,
      })
      const body = transferBody({ signature, expiry_window: sent })
      if (sent === undefined) delete body['expiry_window']
      expect(await verifySignedBody(body, TRANSFER, NOW)).toMatchObject({ ok: true, expiresAt: NOW + 30000 })
    },
  )

  test('agent_wallet null equals absent', async () => {
    expect(await verify({ agent_wallet: null })).toEqual(await verify())
  })

  test('where agent_wallet is data it is signed, and the account itself must sign', async () => {
    const bind = { type: 'bind_agent_wallet', fields: ['agent_wallet'], agentMaySign: false }
    const options = { timestamp: NOW }
    const body = await main.body(bind.type, { agent_wallet: AGENT }, options)
    expect(await verifySignedBody(body, bind, NOW)).toMatchObject({ ok: true, signer: MAIN, viaAgent: false })
    const signature = await agent.sign(bind.type, { agent_wallet: AGENT }, options)
    const byAgent = await verifySignedBody({ ...body, signature }, bind, NOW)
    expect(byAgent).toMatchObject({ ok: false, reason: 'verification_failed', checkedKey: MAIN })
  })

  test('an agent that equals the account is still an agent, so its binding is still asked for', async () => {
    expect(await verify({ agent_wallet: MAIN })).toMatchObject({ ok: true, signer: MAIN, viaAgent: true })
  })
})

describe('EVM accounts', () => {
  const options = { timestamp: NOW, expiryWindow: 30000 }
  const signer = evm.address.toLowerCase()

  test('personal_sign by viem verifies, with v as 27/28 or as the bare parity', async () => {
    const body = await evm.body(TRANSFER.type, TRANSFER_DATA, options)
    const plain = await verifySignedBody(body, TRANSFER, NOW)
    expect(plain).toMatchObject({ ok: true, account: { kind: 'evm', id: signer }, signer })
    const signature = body['signature'] as string
    const bare = signature.slice(0, -2) + (signature.endsWith('1b') ? '00' : '01')
    expect(await verifySignedBody({ ...body, signature: bare }, TRANSFER, NOW)).toEqual(plain)
    expect(
      await verifySignedBody({ ...body, signature: { type: 'raw', value: bare } }, TRANSFER, NOW),
    ).toEqual(plain)
  })

  test('an EVM agent may sign for a Solana account and a Solana agent for an EVM account', async () => {
    const forSolana = await evm.body(TRANSFER.type, TRANSFER_DATA, { ...options, account: MAIN })
    expect(await verifySignedBody(forSolana, TRANSFER, NOW)).toMatchObject({
      ok: true,
      signer,
      viaAgent: true,
    })
    const forEvm = await agent.body(TRANSFER.type, TRANSFER_DATA, { ...options, account: evm.address })
    expect(await verifySignedBody(forEvm, TRANSFER, NOW)).toMatchObject({
      ok: true,
      signer: AGENT,
      viaAgent: true,
    })
  })

  test('random keys and unicode texts signed by viem all recover to their own address', async () => {
    const key = fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .filter((bytes) => bytes[0]! < 0xff && bytes[31]! > 0)
    const memo = fc.string({ unit: 'grapheme' })
    await fc.assert(
      fc.asyncProperty(key, memo, fc.boolean(), async (bytes, note, escape) => {
        const wallet = evmWallet(`0x${Buffer.from(bytes).toString('hex')}` satisfies Hex)
        const body = await wallet.body('note', { note }, { ...options, escape })
        const verdict = await verifySignedBody(
          body,
          { type: 'note', fields: ['note'], agentMaySign: false },
          NOW,
        )
        expect(verdict).toMatchObject({ ok: true, signer: wallet.address.toLowerCase() })
      }),
      { numRuns: 30 },
    )
  })
})

describe('the digest for replays', () => {
  const digestOf = async (change: Record<string, unknown>) => {
    const verdict = await verify(change)
    return verdict.ok ? verdict.digest : verdict
  }

  test('is one for every encoding of a signature over the same text by the same key', async () => {
    const envelopes = Object.values(BY_MAIN_IN_ENVELOPE).map((value) => ({ type: 'hardware', value }))
    const forms = [BY_MAIN, { type: 'raw', value: BY_MAIN }, ...envelopes]
    const digests = await Promise.all(forms.map(async (signature) => await digestOf({ signature })))
    expect(new Set(digests).size).toBe(1)
    expect(await digestOf({})).toMatch(/^[0-9a-f]{64}$/)
  })

  test('does not change when an agent is presented for another account, so its message moves money once', async () => {
    const byAgent = { agent_wallet: AGENT, signature: BY_AGENT }
    expect(await digestOf({ ...byAgent, account: SUB })).toBe(await digestOf(byAgent))
    expect(await digestOf(byAgent)).not.toBe(await digestOf({}))
  })

  test('is another for another text, so an honest second transfer is no replay', async () => {
    const later = { timestamp: NOW + 1, expiryWindow: 30000 }
    const signature = await main.sign(TRANSFER.type, TRANSFER_DATA, later)
    expect(await digestOf({ signature, timestamp: NOW + 1 })).not.toBe(await digestOf({}))
  })
})

test('any data signed in either form and any envelope verifies, and no changed byte of the signature does', async () => {
  const operation = { type: 'note', fields: ['a', 'b', 'nested'], agentMaySign: false }
  const unicode = fc.string({ unit: 'binary' })
  const data = fc.record({
    a: unicode,
    b: fc.string(),
    nested: fc.dictionary(fc.string(), unicode, { maxKeys: 3 }),
  })
  const as = fc.constantFrom<SignAs>('plain', 'object', 'raw', 'legacy', 'v0', 'v1')
  const flip = fc.record({ at: fc.nat({ max: 63 }), mask: fc.integer({ min: 1, max: 255 }) })
  const window = fc.constantFrom(undefined, null, 30000, 1)
  await fc.assert(
    fc.asyncProperty(
      data,
      as,
      flip,
      window,
      fc.boolean(),
      async (fields, form, { at, mask }, expiryWindow, escape) => {
        const options = { timestamp: NOW, expiryWindow, as: form, escape }
        // As it comes off the wire: parsed out of JSON, so that a key named like a number keeps its meaning.
        const body = JSON.parse(JSON.stringify(await main.body('note', fields, options))) as Record<
          string,
          unknown
        >
        expect(await verifySignedBody(body, operation, NOW)).toMatchObject({ ok: true })

        const field = body['signature'] as string | { type: string; value: string }
        const bytes = base58.decode(typeof field === 'string' ? field : field.value)
        bytes[at]! ^= mask
        const value = base58.encode(bytes)
        const signature = typeof field === 'string' ? value : { ...field, value }
        expect(await verifySignedBody({ ...body, signature }, operation, NOW)).toMatchObject({ ok: false })
      },
    ),
    { numRuns: 60 },
  )
}, 60_000)

test('the test wallets build the published text and addresses on their own', () => {
  expect(signedText(TRANSFER.type, TRANSFER_DATA, { timestamp: NOW, expiryWindow: 30000 })).toBe(text)
  expect([main.address, solanaWallet(2).address, agent.address]).toEqual([MAIN, SUB, AGENT])
})
