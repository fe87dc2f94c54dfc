/** Sign-in of accounts that are contracts: their signatures are what the chain says they are, asked in one bounded call. */
import { fileURLToPath } from 'node:url'
import {
  concat,
  encodeAbiParameters,
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
  hashTypedData,
  padHex,
  toHex,
  type Abi,
  type Address,
  type Hex,
} from 'viem'
import { generatePrivateKey, privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts'
import { serializeErc6492Signature } from 'viem/utils'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { LOGIN_SIGNATURE_BYTES_MAX } from '../functions/_lib/limits.ts'
import { compileContracts, contractNamed } from '../scripts/stack/compile.ts'
import { tokenAbi, vaultAbi } from '../scripts/stack/contract-abi.ts'
import { chainClient, succeed, type ChainClient } from '../scripts/stack/deploy.ts'
import { checkInvariants } from '../scripts/stack/invariants.ts'
import type { Stack } from '../scripts/stack/stack.ts'
import type { Answer, Client } from './support/client.ts'
import { ownStack } from './support/own-stack.ts'
import { requestWithdrawal, rowsOf } from './support/withdrawals.ts'

type Code = { abi: Abi; bytecode: Hex }
const NAMES = ['OwnedWallet', 'OpenWallet', 'WalletFactory', 'ApprovedHashes', 'AnyAnswer'] as const
const SALT = padHex('0x07')
let stack: Stack
let client: Client
let chain: ChainClient
let stop: () => Promise<void>
let code: Record<(typeof NAMES)[number], Code>
let owner: PrivateKeyAccount
let factory: Address

beforeAll(async () => {
  ;({ stack, client, stop } = await ownStack())
  chain = chainClient(stack.manifest.rpcUrl, stack.manifest.chainId)
  const file = fileURLToPath(new URL('./support/contracts/Wallets.sol', import.meta.url))
  const compiled = await compileContracts([file])
  code = Object.fromEntries(NAMES.map((name) => [name, contractNamed(compiled, name)])) as typeof code
  owner = await rich()
  factory = await deployed('WalletFactory')
})
afterEach(() => {
  stack.rpc.setFaults({})
  stack.rpc.resetCounters()
})
afterAll(async () => {
  try {
    const broken = (await checkInvariants(stack.manifest.databaseUrl)).filter((one) => one.violations > 0)
    expect(broken).toEqual([])
  } finally {
    await stop()
  }
})

const someone = () => privateKeyToAccount(generatePrivateKey())
async function rich(): Promise<PrivateKeyAccount> {
  const account = someone()
  await chain.setBalance({ address: account.address, value: 10n ** 19n })
  return account
}
async function deployed(name: (typeof NAMES)[number], args: unknown[] = []): Promise<Address> {
  const hash = await chain.deployContract({ account: owner, ...code[name], args })
  return (await succeed(chain, hash)).contractAddress!
}
const call = (name: (typeof NAMES)[number], functionName: string, args: unknown[]) =>
  encodeFunctionData({ abi: code[name].abi, functionName, args })

/** The typed data that the account must sign now. */
const typedDataOf = async (account: string) =>
  (await client.call(`/auth/nonce/${account}`)).body.typed_data as Parameters<
    PrivateKeyAccount['signTypedData']
  >[0] & { message: { timestamp: number } }
type Sign = (typed: Awaited<ReturnType<typeof typedDataOf>>) => Hex | Promise<Hex>
/** A login of `account` as `sign` signs it. */
async function loginOf(account: string, sign: Sign): Promise<object> {
  const typed = await typedDataOf(account)
  return { address: account, signature: await sign(typed), timestamp: typed.message.timestamp }
}
const send = async (json: object): Promise<Answer> => await client.call('/auth/login', { json })
const login = async (account: string, sign: Sign) => await send(await loginOf(account, sign))
const by =
  (key: PrivateKeyAccount): Sign =>
  async (typed) =>
    await key.signTypedData(typed)
const said = (answer: Answer) => [answer.status, answer.body.error ?? 'token']
const calls = () => stack.rpc.counters().methods.eth_call ?? 0
const REFUSED = [401, 'SIGNATURE_INVALID']

describe('a contract wallet', () => {
  test('deposits, is credited, signs in, requests a withdrawal, takes it from the vault itself, and settle confirms it', async () => {
    const wallet = await deployed('OwnedWallet', [owner.address])
    const account = wallet.toLowerCase()
    const df = stack.chain.tokens.DF.address
    const { vault } = stack.manifest
    const execute = async (to: string, data: Hex) =>
      await succeed(
        chain,
        await chain.sendTransaction({
          account: owner,
          to: wallet,
          data: call('OwnedWallet', 'execute', [to, data]),
          gas: 1_000_000n,
        }),
      )
    const token = (functionName: 'mint' | 'approve', args: [Address, bigint]) =>
      encodeFunctionData({ abi: tokenAbi, functionName, args })
    await execute(df, token('mint', [wallet, 5n * 10n ** 18n]))
    await execute(df, token('approve', [vault as Address, 5n * 10n ** 18n]))
    await execute(vault, encodeFunctionData({ abi: vaultAbi, functionName: 'deposit', args: [df, 5n * 10n ** 18n] })) // prettier-ignore
    const settle = async () => {
      await chain.mine({ blocks: 5, interval: 1 })
      expect((await fetch(stack.manifest.settleUrl)).status).toBe(200)
    }
    await settle()
    expect(await client.balancesOf(account)).toEqual({ 'spot DF': '5' })

    const answer = await login(wallet, by(owner))
    expect(said(answer)).toEqual([200, 'token'])
    const { token: session } = answer.body
    expect((await client.call('/spot/balances', { token: session })).body.balances).toMatchObject([
      { token: 'DF', available: '5' },
    ])
    const requested = await requestWithdrawal(client, { token: session }, '4')
    expect(requested.status).toBe(200)
    const { amount_in_wei, deadline, signature } = requested.body
    // The owner cannot take in its own name what is the wallet's.
    const data = encodeFunctionData({
      abi: vaultAbi,
      functionName: 'withdraw',
      args: [df, BigInt(amount_in_wei), BigInt(deadline), signature],
    })
    const own = await chain.sendTransaction({ account: owner, to: vault as Address, data, gas: 500_000n })
    expect((await chain.waitForTransactionReceipt({ hash: own })).status).toBe('reverted')
    await execute(vault, data)
    await settle()
    expect(await rowsOf(client, account)).toEqual(['confirmed 0'])
    expect(await client.balancesOf(account)).toEqual({ 'spot DF': '1' })
    const held = { address: df, abi: tokenAbi, functionName: 'balanceOf', args: [wallet] } as const
    expect(await chain.readContract(held)).toBe(4n * 10n ** 18n)
  })

  test('is asked in one eth_call of limited gas, and its login is used up by its first use', async () => {
    const wallet = await deployed('OwnedWallet', [owner.address])
    const body = await loginOf(wallet, by(owner))
    stack.rpc.resetCounters()
    expect(said(await send(body))).toEqual([200, 'token'])
    expect(stack.rpc.counters()).toMatchObject({ httpRequests: 1, methods: { eth_call: 1 } })
    expect(said(await send(body))).toEqual(REFUSED)
    expect(said(await login(wallet, by(owner)))).toEqual([200, 'token'])
  })

  test('gives one token for four parallel replays of one signature', async () => {
    const body = await loginOf(await deployed('OwnedWallet', [owner.address]), by(owner))
    const answers = await Promise.all(Array.from({ length: 4 }, async () => await send(body)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401])
  })

  test('whose owner did not sign, or signed for another wallet of his, another nonce or chain, is refused', async () => {
    const [wallet, second] = [
      await deployed('OwnedWallet', [owner.address]),
      await deployed('OwnedWallet', [owner.address]),
    ]
    const changed =
      (change: (typed: any) => any): Sign =>
      async (typed) => {
        const signature: Hex = await owner.signTypedData(change(typed))
        return signature
      }
    const tries: Sign[] = [
      by(someone()),
      changed((typed) => ({ ...typed, message: { ...typed.message, wallet: second } })),
      changed((typed) => ({ ...typed, message: { ...typed.message, nonce: 1 } })),
      changed((typed) => ({ ...typed, domain: { ...typed.domain, chainId: 1 } })),
      () => '0x',
      () => `0x${'00'.repeat(65)}`,
    ]
    for (const sign of tries) expect(said(await login(wallet, sign))).toEqual(REFUSED)
    expect(said(await login(wallet, by(owner)))).toEqual([200, 'token'])
  })

  test('that keeps a list of approved hashes signs in with an empty signature', async () => {
    const wallet = await deployed('ApprovedHashes')
    const body = await loginOf(wallet, async (typed) => {
      const data = call('ApprovedHashes', 'approve', [hashTypedData(typed as never)])
      await succeed(chain, await chain.sendTransaction({ account: owner, to: wallet, data }))
      return '0x' as const
    })
    expect(said(await send(body))).toEqual([200, 'token'])
    expect(said(await login(wallet, () => '0x'))).toEqual(REFUSED)
  })

  test('takes a signature as long as the limit; one byte more, or half a byte, costs no call', async () => {
    const wallet = await deployed('AnyAnswer', [padRight('0x1626ba7e'), 0n])
    const bytes = (length: number) => (): Hex => `0x${'ab'.repeat(length)}`
    expect(said(await login(wallet, bytes(LOGIN_SIGNATURE_BYTES_MAX)))).toEqual([200, 'token'])
    stack.rpc.resetCounters()
    for (const signature of [bytes(LOGIN_SIGNATURE_BYTES_MAX + 1), (): Hex => '0xabc', (): Hex => '0x0g'])
      expect(said(await login(wallet, signature))).toEqual([400, 'INVALID_SIGNATURE_FORMAT'])
    expect(calls()).toBe(0)
  })
})

const padRight = (hex: Hex) => padHex(hex, { dir: 'right' })

describe('a contract that is no wallet, or a wicked one, is refused, and never taken for a node that fails:', () => {
  // What it answers with, and how: 0 returns it, 1 reverts with it, 2 burns its gas at once, 3 in a loop, 4 returns a million
  // bytes, 5 returns what it was asked.
  test.each<[string, Hex, bigint]>([
    ['nothing', '0x', 0n],
    ['four bytes without the rest of the word', '0x1626ba7e', 0n],
    ['a word with more than the four bytes', concat(['0x1626ba7e', `0x${'01'.padStart(56, '0')}`]), 0n],
    ['the four bytes at the wrong end', padHex('0x1626ba7e'), 0n],
    ['a boolean', padHex('0x01'), 0n],
    ['a page of ones', `0x${'ff'.repeat(1024)}`, 0n],
    ['the right word, thrown', padRight('0x1626ba7e'), 1n],
    ['a long error', `0x${'ff'.repeat(4096)}`, 1n],
    ['invalid code', '0x', 2n],
    ['an endless loop', '0x', 3n],
    ['a million bytes', '0x', 4n],
    ['its own question', '0x', 5n],
  ])('%s', async (_what, answer, manner) => {
    const wallet = await deployed('AnyAnswer', [answer, manner])
    expect(said(await login(wallet, by(owner)))).toEqual(REFUSED)
  })

  test('a precompiled contract that echoes its question', async () => {
    for (let n = 1; n <= 10; n += 1)
      expect(said(await login(padHex(toHex(n), { size: 20 }), by(owner)))).toEqual(REFUSED)
  })

  test('one that says yes to everything opens its own account and no other', async () => {
    const yes = await deployed('AnyAnswer', [padRight('0x1626ba7e'), 0n])
    const answer = await login(yes, by(someone()))
    expect(said(answer)).toEqual([200, 'token'])
    await client.credit(yes.toLowerCase(), 'DF', '1')
    expect((await client.call('/spot/balances', { token: answer.body.token })).body.balances).toHaveLength(1)
    expect(said(await login(someone().address, by(someone())))).toEqual(REFUSED)
  })
})

describe('an account with a key', () => {
  test('needs no node: it signs in while the chain is down', async () => {
    const wallet = someone()
    stack.rpc.setFaults({ down: 1 })
    expect(said(await login(wallet.address, by(wallet)))).toEqual([200, 'token'])
    expect(stack.rpc.counters().httpRequests).toBe(0)
  })

  test.each<[string, () => Promise<Address>]>([
    ['that says no to everything', async () => await deployed('AnyAnswer', ['0x', 1n])],
    ['that burns its gas', async () => await deployed('AnyAnswer', ['0x', 3n])],
    ['of another owner', async () => await deployed('OwnedWallet', [owner.address])],
  ])('and delegated code (EIP-7702) %s signs in with its key, without a node', async (_what, target) => {
    const wallet = someone()
    await chain.setCode({ address: wallet.address, bytecode: concat(['0xef0100', await target()]) })
    stack.rpc.setFaults({ down: 1 })
    expect(said(await login(wallet.address, by(wallet)))).toEqual([200, 'token'])
    stack.rpc.setFaults({})
    expect(said(await login(wallet.address, by(someone())))).toEqual(REFUSED)
  })

  test.each([64, 0, 66, 3])('and no code is refused a signature of %i bytes for its form', async (length) => {
    const answer = await login(someone().address, () => `0x${'ab'.repeat(length)}`)
    expect(said(answer)).toEqual([400, 'INVALID_SIGNATURE_FORMAT'])
  })
})

describe('while the node', () => {
  test.each([{ down: 1 }, { hang: 1 }, { http429: 1 }, { garbage: 1 }])(
    'fails (%o), a contract wallet gets 503 and may use the same signature later',
    async (faults) => {
      const body = await loginOf(await deployed('OwnedWallet', [owner.address]), by(owner))
      stack.rpc.setFaults(faults)
      const answer = await send(body)
      expect(said(answer)).toEqual([503, 'CHAIN_UNAVAILABLE'])
      expect([answer.headers.get('retry-after'), answer.text]).toEqual([
        '2',
        expect.not.stringContaining('127.0.0.1'),
      ])
      stack.rpc.setFaults({})
      expect(said(await send(body))).toEqual([200, 'token'])
    },
  )
})

describe('a wallet that is not deployed yet (ERC-6492)', () => {
  const creation = (by: Address): Hex => call('WalletFactory', 'create', [by, SALT])
  const futureOf = (by: Address): Address =>
    getContractAddress({
      opcode: 'CREATE2',
      from: factory,
      salt: SALT,
      bytecode: encodeDeployData({ ...code.OwnedWallet, args: [by] }),
    })
  const wrapped =
    (key: PrivateKeyAccount, data: Hex, at: Address = factory): Sign =>
    async (typed) =>
      serializeErc6492Signature({ address: at, data, signature: await key.signTypedData(typed) })

  test('signs in, and nothing is deployed by that; after its deployment the same form is good, and the plain one', async () => {
    const wallet = futureOf(owner.address)
    const sign = wrapped(owner, creation(owner.address))
    expect(said(await login(wallet, sign))).toEqual([200, 'token'])
    expect(await chain.getCode({ address: wallet })).toBeUndefined()
    expect(said(await login(wallet, wrapped(someone(), creation(owner.address))))).toEqual(REFUSED)
    const data = creation(owner.address)
    await succeed(chain, await chain.sendTransaction({ account: owner, to: factory, data }))
    expect(said(await login(wallet, sign))).toEqual([200, 'token'])
    expect(said(await login(wallet, by(owner)))).toEqual([200, 'token'])
  })

  test('counts for its own address alone: a factory that makes another wallet proves nothing', async () => {
    const [victim, thief] = [someone(), someone()]
    const wallet = futureOf(victim.address)
    expect(said(await login(wallet, wrapped(thief, creation(thief.address))))).toEqual(REFUSED)
    expect(said(await login(victim.address, wrapped(thief, creation(thief.address))))).toEqual(REFUSED)
    const yes = await deployed('AnyAnswer', [padRight('0x1626ba7e'), 0n])
    expect(said(await login(wallet, wrapped(thief, creation(thief.address), yes)))).toEqual(REFUSED)
  })

  test('cannot be spoken for by a call that would change a deployed one first', async () => {
    const [wallet, thief] = [await deployed('OpenWallet'), someone()]
    const claim = call('OpenWallet', 'claim', [thief.address])
    expect(said(await login(wallet, wrapped(thief, claim, wallet)))).toEqual(REFUSED)
    await succeed(chain, await chain.sendTransaction({ account: owner, to: wallet, data: claim }))
    expect(said(await login(wallet, by(thief)))).toEqual([200, 'token'])
  })

  test('whose factory refuses, burns its gas or is nobody is refused', async () => {
    const wallet = futureOf(someone().address)
    for (const data of [
      call('WalletFactory', 'refuse', []),
      call('WalletFactory', 'burn', []),
      '0x',
    ] as Hex[])
      expect(said(await login(wallet, wrapped(owner, data)))).toEqual(REFUSED)
    expect(said(await login(wallet, wrapped(owner, '0x', someone().address)))).toEqual(REFUSED)
    const burner = await deployed('AnyAnswer', ['0x', 3n])
    expect(said(await login(burner, wrapped(owner, call('WalletFactory', 'burn', []))))).toEqual(REFUSED)
  })

  test('with a wrapper that is none is refused without a call', async () => {
    const end = '6492'.repeat(16)
    const far = encodeAbiParameters([{ type: 'uint256' }, { type: 'uint256' }, { type: 'uint256' }], [1n, 2n ** 255n, 96n]) // prettier-ignore
    for (const signature of [`0x${end}`, `0x${'ff'.repeat(200)}${end}`, `${far}${end}`] as Hex[])
      expect(said(await login(futureOf(owner.address), () => signature))).toEqual(REFUSED)
    expect(calls()).toBe(0)
  })
})
