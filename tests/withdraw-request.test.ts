import { hashDomain, type Address } from 'viem'
import { describe, expect, test } from 'vitest'
import { authorizationDigest } from '../functions/_lib/vault/vault.ts'
import { tokenAbi, vaultAbi } from '../scripts/stack/contract-abi.ts'
import { chainClient } from '../scripts/stack/deploy.ts'
import { clientOf } from './support/client.ts'
import { DOMAIN_TYPES } from './support/vault.ts'
import { requestWithdrawal, rowsOf, signerOfAnswer, takeFromVault } from './support/withdrawals.ts'

const client = clientOf()
const { manifest } = client
const DF = manifest.tokens.DF!.address as Address
const chain = chainClient(manifest.rpcUrl, manifest.chainId)
const heldOf = async (account: Address) =>
  await chain.readContract({ address: DF, abi: tokenAbi, functionName: 'balanceOf', args: [account] })

describe('the signature', () => {
  test('makes the vault pay the account exactly once: its replay is refused and pays nothing', async () => {
    const account = await client.newAccount({ DF: '10' })
    const before = Math.floor(Date.now() / 1000)
    const { status, body } = await requestWithdrawal(client, account, '2.5')
    expect(status).toBe(200)
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      token: 'DF',
      token_contract: manifest.tokens.DF!.address.toLowerCase(),
      amount: '2.5',
      amount_in_wei: '2500000000000000000',
      recipient: account.account,
      nonce: 0,
      signature: expect.stringMatching(/^0x[0-9a-f]{128}(1b|1c)$/),
      deadline: expect.any(Number),
      vault_address: manifest.vault.toLowerCase(),
      chain_id: manifest.chainId,
      status: 'signed',
    })
    expect(body.deadline).toBeGreaterThanOrEqual(before + 3600)
    expect(body.deadline).toBeLessThanOrEqual(before + 3630)
    expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '7.5+2.5' })

    expect(await takeFromVault(manifest, account.wallet, DF, body)).toBe('success')
    expect(await heldOf(account.address)).toBe(2_500_000_000_000_000_000n)
    expect(await takeFromVault(manifest, account.wallet, DF, body)).toBe('reverted')
    expect(await heldOf(account.address)).toBe(2_500_000_000_000_000_000n)
  })

  test('is over the digest that the contract itself computes, and the type and domain have the known hashes', async () => {
    const release = {
      account: '0x70997970c51812dc3a010c7d01b50e0d17dc79c8',
      contract: DF,
      amount_in_wei: '123456789012345678901',
      nonce: 7,
      deadline: 1_790_000_000,
    }
    const domain = {
      name: 'ZTDX Spot Vault',
      version: '1',
      chainId: manifest.chainId,
      verifyingContract: manifest.vault as Address,
    }
    const args = [release.account as Address, DF, 123456789012345678901n, 7n, 1_790_000_000n] as const
    const vault = { address: manifest.vault as Address, abi: vaultAbi }
    expect(authorizationDigest(domain, release)).toBe(
      await chain.readContract({ ...vault, functionName: 'hashRelease', args }),
    )
    expect(await chain.readContract({ ...vault, functionName: 'RELEASE_TYPEHASH' })).toBe(
      '0xf985feced2f82d864d3edaabfa97b817b7a99d415e5a3a0779abe0f3427a9107',
    )
    const known = { ...domain, chainId: 97n, verifyingContract: '0x4Fe0b354c5865ee9deb979a99030d757ae47664a' }
    expect(
      hashDomain({
        domain: known as typeof domain & { chainId: bigint },
        types: { EIP712Domain: [...DOMAIN_TYPES] },
      }),
    ).toBe('0x27efaac22635c17a62ca7368eb04349ded031c23306b21e97714906521f9a945')
  })

  test('is good only for the account that asked: another account’s transaction is refused and nobody is paid', async () => {
    const owner = await client.newAccount({ DF: '3' })
    const thief = await client.newAccount()
    const { body } = await requestWithdrawal(client, owner, '3', { body: { recipient: thief.address } })
    expect(body.recipient).toBe(thief.account)
    expect(await takeFromVault(manifest, thief.wallet, DF, body)).toBe('reverted')
    expect(await heldOf(thief.address)).toBe(0n)
    expect(await takeFromVault(manifest, owner.wallet, DF, body)).toBe('success')
  })

  test('starts at the vault’s own counter for an account that used the vault before, and never at a used nonce', async () => {
    const account = await client.newAccount({ DF: '5' })
    const first = await requestWithdrawal(client, account, '1')
    expect(await takeFromVault(manifest, account.wallet, DF, first.body)).toBe('success')
    // A ledger that has never heard of the account, as after a move from another system.
    await client.sql('delete from withdrawal_nonces where account = $1', [account.account])
    const second = await requestWithdrawal(client, account, '1')
    expect(second.body.nonce).toBe(1)
    expect(await takeFromVault(manifest, account.wallet, DF, second.body)).toBe('success')
  })

  test('recovers to the signer 300 times, high s or low from KMS, with a nonce of its own each time', async () => {
    const accounts = await Promise.all(Array.from({ length: 20 }, () => client.newAccount({ DF: '15' })))
    await Promise.all(
      accounts.map(async (account) => {
        for (let nonce = 0; nonce < 15; nonce += 1) {
          const { status, body } = await requestWithdrawal(client, account, '1')
          expect([status, body.nonce]).toEqual([200, nonce])
          expect(await signerOfAnswer(account.address, DF, body)).toBe(manifest.signerAddress.toLowerCase())
        }
        expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '0+15' })
      }),
    )
  })
})

describe('nonces', () => {
  test('of withdrawals open at once count up, and the vault takes them in that order', async () => {
    const account = await client.newAccount({ DF: '10' })
    const first = await requestWithdrawal(client, account, '1')
    const second = await requestWithdrawal(client, account, '2')
    expect([first.body.nonce, second.body.nonce]).toEqual([0, 1])
    expect(await takeFromVault(manifest, account.wallet, DF, second.body)).toBe('reverted')
    expect(await takeFromVault(manifest, account.wallet, DF, first.body)).toBe('success')
    expect(await takeFromVault(manifest, account.wallet, DF, second.body)).toBe('success')
    expect(await heldOf(account.address)).toBe(3_000_000_000_000_000_000n)
  })
})

describe('a race', () => {
  test('of 100 requests for the whole balance gives one signature and one frozen amount', async () => {
    const account = await client.newAccount({ DF: '50' })
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => requestWithdrawal(client, account, '50')),
    )
    const codes = answers.map(({ status, body }) => (status === 200 ? 'ok' : (body.error as string)))
    expect(codes.filter((code) => code === 'ok')).toHaveLength(1)
    const refused = ['INSUFFICIENT_BALANCE', 'WITHDRAWAL_IN_PROGRESS', 'SERVICE_BUSY']
    expect(codes.filter((code) => code !== 'ok' && !refused.includes(code))).toEqual([])
    expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '0+50' })
    expect(await rowsOf(client, account.account)).toEqual(['signed 0'])
  })
})
