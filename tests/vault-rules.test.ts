import { encodeFunctionData, parseEventLogs, type Address, type Hex, type TransactionReceipt } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { parseAbi } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { tokenAbi, vaultAbi } from '../scripts/stack/contract-abi.ts'
import * as v from './support/vault.ts'

const reentrantAbi = parseAbi([
  'function arm(address target, bytes call)',
  'function approveFromToken(address spender, uint256 amount)',
])

let stage: v.VaultStage
let clean: Hex
beforeAll(async () => {
  stage = await v.startStage()
  clean = await stage.client.snapshot()
}, 30_000)
beforeEach(async () => {
  await stage.client.revert({ id: clean })
  clean = await stage.client.snapshot()
})
afterAll(async () => await stage?.chain.stop())

function deposits(receipt: TransactionReceipt) {
  return parseEventLogs({ abi: vaultAbi, logs: receipt.logs, eventName: 'SpotDeposit' }).map(
    (log) => log.args,
  )
}

function plain(functionName: 'pause' | 'unpause' | 'depositNative'): Hex {
  return encodeFunctionData({ abi: vaultAbi, functionName })
}

function depositCall(token: Address, amount: bigint): Hex {
  return encodeFunctionData({ abi: vaultAbi, functionName: 'deposit', args: [token, amount] })
}

function rename(name: string): Hex {
  return encodeFunctionData({ abi: vaultAbi, functionName: 'renameDomain', args: [name] })
}

function rotate(signer: Address): Hex {
  return encodeFunctionData({ abi: vaultAbi, functionName: 'setAuthorizationSigner', args: [signer] })
}

async function give(token: Address, to: Address, amount: bigint): Promise<void> {
  const data = encodeFunctionData({ abi: tokenAbi, functionName: 'mint', args: [to, amount] })
  await v.send(stage, stage.owner, data, token)
}

async function approve(token: Address, n: number, amount: bigint): Promise<void> {
  const args = [stage.chain.vault, amount] as const
  await v.send(
    stage,
    stage.user(n),
    encodeFunctionData({ abi: tokenAbi, functionName: 'approve', args }),
    token,
  )
}

async function arm(token: Address, call: Hex): Promise<void> {
  const args = [stage.chain.vault, call] as const
  await v.send(
    stage,
    stage.owner,
    encodeFunctionData({ abi: reentrantAbi, functionName: 'arm', args }),
    token,
  )
}

describe('deposits', () => {
  test('a token deposit takes what was approved and emits the account, the token and the amount', async () => {
    const token = stage.chain.tokens.DF.address
    const account = stage.user(0).address
    const before = await v.held(stage, token, stage.chain.vault)
    await approve(token, 0, 7n)
    const receipt = await v.send(stage, stage.user(0), depositCall(token, 7n))
    expect(deposits(receipt)).toEqual([{ account, token, amount: 7n }])
    expect(await v.held(stage, token, stage.chain.vault)).toBe(before + 7n)
  })

  test('a native deposit emits the zero address as its token', async () => {
    const receipt = await v.send(stage, stage.user(0), plain('depositNative'), stage.chain.vault, 5n)
    expect(deposits(receipt)).toEqual([{ account: stage.user(0).address, token: v.NATIVE, amount: 5n }])
  })

  test('a token that keeps a fee is credited with what arrived, never with what was sent', async () => {
    const token = await v.deployHostile(stage, 'FeeToken')
    await give(token, stage.user(0).address, 1000n)
    await approve(token, 0, 1000n)
    const receipt = await v.send(stage, stage.user(0), depositCall(token, 1000n))
    expect(deposits(receipt)).toEqual([{ account: stage.user(0).address, token, amount: 990n }])
    expect(await v.held(stage, token, stage.chain.vault)).toBe(990n)
  })

  test('nothing is no deposit, and the native coin does not come in as a token', async () => {
    const zero = v.send(stage, stage.user(0), depositCall(stage.chain.tokens.DF.address, 0n))
    await expect(zero).rejects.toThrow('ZeroAmount')
    await expect(v.send(stage, stage.user(0), plain('depositNative'))).rejects.toThrow('ZeroAmount')
    const native = v.send(stage, stage.user(0), depositCall(v.NATIVE, 1n))
    await expect(native).rejects.toThrow('NativeTokenNotAllowed')
  })
})

describe('what the owner can do', () => {
  test('a pause stops every way in and out and keeps nonces; after it the same authorization is good', async () => {
    const user = stage.user(0)
    const release = await v.nextRelease(stage, user.address)
    const signature = await v.sign(stage, release)
    await v.send(stage, stage.owner, plain('pause'))
    await expect(v.withdraw(stage, user, release, signature)).rejects.toThrow('EnforcedPause')
    await expect(v.send(stage, user, depositCall(release.token, 1n))).rejects.toThrow('EnforcedPause')
    const native = v.send(stage, user, plain('depositNative'), stage.chain.vault, 1n)
    await expect(native).rejects.toThrow('EnforcedPause')
    expect(await v.nonceOf(stage, user.address)).toBe(0n)
    await v.send(stage, stage.owner, plain('unpause'))
    await v.withdraw(stage, user, release, signature)
    expect(await v.nonceOf(stage, user.address)).toBe(1n)
  })

  test('a new signer voids what the old one signed, and only the new one can authorize', async () => {
    const user = stage.user(0)
    const release = await v.nextRelease(stage, user.address)
    const outstanding = await v.sign(stage, release)
    const next = privateKeyToAccount(generatePrivateKey())
    await v.send(stage, stage.owner, rotate(next.address))
    await expect(v.withdraw(stage, user, release, outstanding)).rejects.toThrow('ReleaseNotAuthorized')
    expect(await v.nonceOf(stage, user.address)).toBe(0n)
    await v.withdraw(stage, user, release, await v.sign(stage, release, next))
    expect(await v.nonceOf(stage, user.address)).toBe(1n)
  })

  test('the zero address cannot become the signer', async () => {
    await expect(v.send(stage, stage.owner, rotate(v.NATIVE))).rejects.toThrow('ZeroSigner')
    const contract = { address: stage.chain.vault, abi: vaultAbi } as const
    const signer = await stage.client.readContract({ ...contract, functionName: 'authorizationSigner' })
    expect(signer).toBe(stage.signer.address)
  })

  test('the domain is renamed once, which voids what was signed; a second rename changes nothing', async () => {
    const user = stage.user(0)
    const release = await v.nextRelease(stage, user.address)
    const outstanding = await v.sign(stage, release)
    await expect(v.send(stage, stage.owner, rename(v.DOMAIN_NAME))).rejects.toThrow('DomainNameUnchanged')
    await v.send(stage, stage.owner, rename('Renamed Vault'))
    await expect(v.withdraw(stage, user, release, outstanding)).rejects.toThrow('ReleaseNotAuthorized')
    await expect(v.send(stage, stage.owner, rename(v.DOMAIN_NAME))).rejects.toThrow('DomainAlreadyRenamed')
    const contract = { address: stage.chain.vault, abi: vaultAbi } as const
    const separator = await stage.client.readContract({ ...contract, functionName: 'domainSeparator' })
    expect(separator).toBe(v.separatorOf(v.domainOf(stage, 'Renamed Vault')))
    await v.withdraw(stage, user, release, await v.sign(stage, release, stage.signer, 'Renamed Vault'))
    expect(await v.nonceOf(stage, user.address)).toBe(1n)
  })

  test('nobody else can pause, rotate or rename', async () => {
    const stranger = stage.user(0)
    for (const data of [plain('pause'), plain('unpause'), rotate(stranger.address), rename('Mine')]) {
      await expect(v.send(stage, stranger, data)).rejects.toThrow('OwnableUnauthorizedAccount')
    }
  })
})

describe('a token that calls back', () => {
  test('cannot withdraw inside its own payment, even with a good authorization of its own', async () => {
    const token = await v.deployHostile(stage, 'ReentrantToken')
    await give(token, stage.chain.vault, 100n)
    const inner = { ...(await v.nextRelease(stage, token, 60n)), token }
    const args = [token, inner.value, inner.deadline, await v.sign(stage, inner)] as const
    await arm(token, encodeFunctionData({ abi: vaultAbi, functionName: 'withdraw', args }))
    const outer = { ...inner, account: stage.user(0).address, value: 40n }
    const attack = v.withdraw(stage, stage.user(0), outer, await v.sign(stage, outer))
    await expect(attack).rejects.toThrow('ReentrancyGuardReentrantCall')
    expect(await v.held(stage, token, stage.chain.vault)).toBe(100n)
    expect(await v.nonceOf(stage, outer.account)).toBe(0n)
    expect(await v.nonceOf(stage, token)).toBe(0n)
  })

  test('cannot have one transfer counted twice by depositing inside a deposit', async () => {
    const token = await v.deployHostile(stage, 'ReentrantToken')
    for (const holder of [token, stage.user(0).address]) await give(token, holder, 50n)
    await approve(token, 0, 50n)
    const args = [stage.chain.vault, 50n] as const
    const allow = encodeFunctionData({ abi: reentrantAbi, functionName: 'approveFromToken', args })
    await v.send(stage, stage.owner, allow, token)
    await arm(token, depositCall(token, 50n))
    const attack = v.send(stage, stage.user(0), depositCall(token, 50n))
    await expect(attack).rejects.toThrow('ReentrancyGuardReentrantCall')
    expect(await v.held(stage, token, stage.chain.vault)).toBe(0n)
  })
})
