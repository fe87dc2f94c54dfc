import {
  encodeFunctionData,
  hashStruct,
  hashTypedData,
  keccak256,
  parseEventLogs,
  toEventHash,
  toHex,
} from 'viem'
import { parseSignature, serializeSignature, type Hex, type TransactionReceipt } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { compileContracts, contractNamed } from '../scripts/stack/compile.ts'
import { tokenAbi, vaultAbi } from '../scripts/stack/contract-abi.ts'
import * as v from './support/vault.ts'

const TYPE_HASH = '0xf985feced2f82d864d3edaabfa97b817b7a99d415e5a3a0779abe0f3427a9107'
const DEPOSIT_TOPIC = '0x2a567932661c755b8fdbf4932cdfa2600eca2314a0093c83b57e78b3362f9c6d'
const WITHDRAWAL_TOPIC = '0x175353e3ca145fd7765bcddc19e6045e15845e35122dc401873f8f375cb438a1'
const ORDER = secp256k1.Point.CURVE().n

let stage: v.VaultStage
let clean: Hex
beforeAll(async () => {
  stage = await v.startStage()
  clean = await stage.client.snapshot()
}, 30_000)
// Every test begins on the same block: no test can be helped or hurt by another.
beforeEach(async () => {
  await stage.client.revert({ id: clean })
  clean = await stage.client.snapshot()
})
afterAll(async () => await stage?.chain.stop())

/** Asserts that the refused call paid nobody and used no nonce. */
async function refuses(attempt: () => Promise<unknown>, reason: RegExp, release: v.Release): Promise<void> {
  const before = await footprint(release)
  await expect(attempt()).rejects.toThrow(reason)
  expect(await footprint(release)).toEqual(before)
}

async function footprint({ account, token }: v.Release) {
  const { vault } = stage.chain
  const nonce = await v.nonceOf(stage, account)
  return { nonce, paid: await v.held(stage, token, account), vault: await v.held(stage, token, vault) }
}

function vaultEvents(receipt: TransactionReceipt) {
  const logs = receipt.logs.filter((log) => log.address === stage.chain.vault.toLowerCase())
  return parseEventLogs({ abi: vaultAbi, logs }).map(({ eventName, args }) => ({ eventName, ...args }))
}

function call(functionName: 'pause' | 'unpause' | 'depositNative'): Hex {
  return encodeFunctionData({ abi: vaultAbi, functionName })
}

describe('the interface is the documented one', () => {
  test('the type hash, both topics and the public domain vector are the specified values', async () => {
    const contract = { address: stage.chain.vault, abi: vaultAbi } as const
    expect(await stage.client.readContract({ ...contract, functionName: 'RELEASE_TYPEHASH' })).toBe(TYPE_HASH)
    const event = (name: string) => vaultAbi.find((item) => item.type === 'event' && item.name === name)
    expect(toEventHash(event('SpotDeposit') as never)).toBe(DEPOSIT_TOPIC)
    expect(toEventHash(event('SpotWithdrawal') as never)).toBe(WITHDRAWAL_TOPIC)
    const verifyingContract = '0x4Fe0b354c5865ee9deb979a99030d757ae47664a' as const
    const domain = { name: v.DOMAIN_NAME, version: '1', chainId: 97, verifyingContract }
    const vector = '0x27efaac22635c17a62ca7368eb04349ded031c23306b21e97714906521f9a945'
    expect(v.separatorOf({ ...domain, version: '1' })).toBe(vector)
  })

  test('the typed constants are what the compiler made of the source, member by member', async () => {
    const compiled = await compileContracts()
    const shape = (abi: readonly { type: string; name?: string; inputs?: readonly { type: string }[] }[]) =>
      abi.map((item) => `${item.type} ${item.name ?? ''}(${(item.inputs ?? []).map((i) => i.type).join()})`)
    const vault = shape(contractNamed(compiled, 'SpotVault').abi)
    const token = shape(contractNamed(compiled, 'TestToken').abi)
    expect(vault).toEqual(expect.arrayContaining(shape(vaultAbi)))
    expect(token).toEqual(expect.arrayContaining(shape(tokenAbi)))
  })

  test('domain separator and digest are what viem computes, so signer and vault agree on every byte', async () => {
    const release = await v.nextRelease(stage, stage.user(0).address)
    const { account, token, value, nonce, deadline } = release
    const contract = { address: stage.chain.vault, abi: vaultAbi } as const
    const separator = await stage.client.readContract({ ...contract, functionName: 'domainSeparator' })
    expect(separator).toBe(v.separatorOf(v.domainOf(stage)))
    const args = [account, token, value, nonce, deadline] as const
    const digest = await stage.client.readContract({ ...contract, functionName: 'hashRelease', args })
    const typed = { types: v.AUTHORIZATION_TYPES, primaryType: 'SpotReleaseFunds', message: release } as const
    expect(digest).toBe(hashTypedData({ ...typed, domain: v.domainOf(stage) }))
    const struct = hashStruct({
      data: release,
      types: v.AUTHORIZATION_TYPES,
      primaryType: 'SpotReleaseFunds',
    })
    expect(digest).toBe(keccak256(`0x1901${separator.slice(2)}${struct.slice(2)}`))
  })
})

describe('withdraw', () => {
  test('pays exactly the authorized amount to the account, moves its nonce by one and says so', async () => {
    const user = stage.user(0)
    const release = await v.nextRelease(stage, user.address)
    const before = await footprint(release)
    const receipt = await v.withdraw(stage, user, release, await v.sign(stage, release))
    const { account, token, value: amount } = release
    expect(vaultEvents(receipt)).toEqual([{ eventName: 'SpotWithdrawal', account, token, amount, nonce: 0n }])
    const paid = { nonce: 1n, paid: before.paid + amount, vault: before.vault - amount }
    expect(await footprint(release)).toEqual(paid)
  })

  test('pays the native coin under the zero address, on the same nonce counter as the tokens', async () => {
    const user = stage.user(0)
    await v.send(stage, user, call('depositNative'), stage.chain.vault, 10n ** 18n)
    const first = await v.nextRelease(stage, user.address)
    await v.withdraw(stage, user, first, await v.sign(stage, first))
    const release = { ...(await v.nextRelease(stage, user.address, 4n * 10n ** 17n)), token: v.NATIVE }
    expect(release.nonce).toBe(1n)
    const before = await v.held(stage, v.NATIVE, user.address)
    const { gasUsed, effectiveGasPrice } = await v.withdraw(
      stage,
      user,
      release,
      await v.sign(stage, release),
    )
    const after = await v.held(stage, v.NATIVE, user.address)
    expect(after - before).toBe(release.value - gasUsed * effectiveGasPrice)
    expect(await v.held(stage, v.NATIVE, stage.chain.vault)).toBe(6n * 10n ** 17n)
  })

  test('refuses the same authorization a second time and pays nothing more', async () => {
    const user = stage.user(0)
    const release = await v.nextRelease(stage, user.address)
    const signature = await v.sign(stage, release)
    await v.withdraw(stage, user, release, signature)
    await refuses(() => v.withdraw(stage, user, release, signature), /ReleaseNotAuthorized/, release)
  })

  test("refuses another account's use of an authorization and pays neither of them", async () => {
    const release = await v.nextRelease(stage, stage.user(0).address)
    const thief = { ...release, account: stage.user(1).address }
    const signature = await v.sign(stage, release)
    const steal = () => v.withdraw(stage, stage.user(1), release, signature)
    await refuses(
      () => refuses(steal, /ReleaseNotAuthorized/, thief).then(steal),
      /ReleaseNotAuthorized/,
      release,
    )
  })

  test.each([
    ['amount', (r: v.Release) => ({ ...r, value: r.value + 1n })],
    ['token', (r: v.Release) => ({ ...r, token: stage.chain.tokens.DF.address })],
    ['deadline', (r: v.Release) => ({ ...r, deadline: r.deadline + 1n })],
  ])('refuses a call whose %s is not the signed one and pays nothing', async (_, alter) => {
    const user = stage.user(0)
    const release = await v.nextRelease(stage, user.address)
    const altered = alter(release)
    const signature = await v.sign(stage, release)
    await refuses(() => v.withdraw(stage, user, altered, signature), /ReleaseNotAuthorized/, altered)
  })

  test('refuses a signature for a later nonce until its turn comes, and then pays it', async () => {
    const user = stage.user(0)
    const first = await v.nextRelease(stage, user.address)
    const second = { ...first, nonce: first.nonce + 1n }
    const signature = await v.sign(stage, second)
    await refuses(() => v.withdraw(stage, user, second, signature), /ReleaseNotAuthorized/, second)
    await v.withdraw(stage, user, first, await v.sign(stage, first))
    await v.withdraw(stage, user, second, signature)
    expect(await v.nonceOf(stage, user.address)).toBe(2n)
  })

  test('refuses the high-s twin of a good signature, which is why a high s from KMS is lowered', async () => {
    const user = stage.user(0)
    const release = await v.nextRelease(stage, user.address)
    const good = await v.sign(stage, release)
    const { r, s, yParity } = parseSignature(good)
    const twin = serializeSignature({
      r,
      s: toHex(ORDER - BigInt(s), { size: 32 }),
      yParity: yParity ? 0 : 1,
    })
    await refuses(() => v.withdraw(stage, user, release, twin), /ECDSAInvalidSignatureS/, release)
    await v.withdraw(stage, user, release, good)
  })

  test("refuses a stranger's signature, one cut short and one with v 0 or 1, and pays nothing", async () => {
    const user = stage.user(0)
    const release = await v.nextRelease(stage, user.address)
    const good = await v.sign(stage, release)
    const zeroV: Hex = `${good.slice(0, -2) as Hex}0${Number(`0x${good.slice(-2)}`) - 27}`
    const foreign = await v.sign(stage, release, privateKeyToAccount(generatePrivateKey()))
    await refuses(() => v.withdraw(stage, user, release, foreign), /ReleaseNotAuthorized/, release)
    await refuses(() => v.withdraw(stage, user, release, zeroV), /^ECDSAInvalidSignature$/, release)
    const short = good.slice(0, -2) as Hex
    await refuses(() => v.withdraw(stage, user, release, short), /ECDSAInvalidSignatureLength/, release)
  })

  test('is good in the deadline second itself', async () => {
    const user = stage.user(0)
    const release = await v.nextRelease(stage, user.address)
    await stage.client.setNextBlockTimestamp({ timestamp: release.deadline })
    const { blockNumber } = await v.withdraw(stage, user, release, await v.sign(stage, release))
    expect((await stage.client.getBlock({ blockNumber })).timestamp).toBe(release.deadline)
    expect(await v.nonceOf(stage, user.address)).toBe(1n)
  })

  test('is refused one second past the deadline, pays nothing and keeps the nonce', async () => {
    const user = stage.user(0)
    const release = await v.nextRelease(stage, user.address)
    const signature = await v.sign(stage, release)
    await stage.client.setNextBlockTimestamp({ timestamp: release.deadline + 1n })
    await refuses(() => v.withdraw(stage, user, release, signature), /ReleaseExpired/, release)
  })

  test('gives the nonce back when the payment itself fails, and the authorization stays good', async () => {
    const user = stage.user(0)
    const reserve = 10n ** 15n
    const release = await v.nextRelease(stage, user.address, reserve + 1n)
    const signature = await v.sign(stage, release)
    await refuses(() => v.withdraw(stage, user, release, signature), /ERC20InsufficientBalance/, release)
    const { token } = release
    const mint = { abi: tokenAbi, functionName: 'mint', args: [stage.chain.vault, 1n] } as const
    await v.send(stage, user, encodeFunctionData(mint), token)
    await v.withdraw(stage, user, release, signature)
    expect(await v.held(stage, token, stage.chain.vault)).toBe(0n)
  })
})
