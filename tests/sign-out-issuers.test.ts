/** Signing out with another issuer's tokens, which know nothing of our generations, and while KMS works. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Client } from './support/client.ts'
import { AUDIENCE, ISSUER, startIssuer, type Issuer } from './support/issuer.ts'
import { ownStack } from './support/own-stack.ts'
import { until } from './support/until.ts'
import { requestWithdrawal } from './support/withdrawals.ts'

let issuer: Issuer
let own: Awaited<ReturnType<typeof ownStack>>
let client: Client
beforeAll(async () => {
  issuer = await startIssuer()
  await issuer.add('es', 'ES256')
  own = await ownStack({
    JWT_JWKS_URL: issuer.newUrl(),
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    // KMS is slow below, and a busy machine must not make it too slow.
    KMS_TIMEOUT_MS: '15000',
  })
  ;({ client } = own)
})
afterAll(async () => {
  await own.stop()
  await issuer.stop()
})
beforeEach(() => own.stack.kms.control({ faults: [], clearLog: true }))

const seconds = () => Math.floor(Date.now() / 1000)
let serial = 0
const theirs = async (account: string, iat = seconds()) =>
  await issuer.token('es', account, iat, { claims: { serial: (serial += 1) } })
const balances = async (token: string) => (await client.call('/spot/balances', { token })).status
const signOut = async (token: string, body: object) =>
  await client.call('/auth/logout', { token, json: body })

/** (r, s) and (r, n - s) both verify: the same token, spelt by somebody who has no key. */
function withOtherSignature(token: string): string {
  const [header, claims, signature] = token.split('.')
  const bytes = Buffer.from(signature ?? '', 'base64url')
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const flipped = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')])
  return `${header}.${claims}.${flipped.toString('base64url')}`
}

describe('a token of another issuer', () => {
  test('that is signed out alone opens nothing in any spelling of its signature; another one does', async () => {
    const { account } = await client.newAccount()
    const [one, other, unused] = [await theirs(account), await theirs(account), await theirs(account)]
    expect(await balances(withOtherSignature(unused))).toBe(200)
    expect((await signOut(one, {})).status).toBe(200)
    for (const spelling of [one, withOtherSignature(one)]) expect(await balances(spelling)).toBe(401)
    expect([await balances(other), await balances(unused)]).toEqual([200, 200])
  })

  test('ends with all that were issued up to then, ours too; one that is issued later opens', async () => {
    const user = await client.newAccount()
    const [one, old] = [await theirs(user.account), await theirs(user.account, seconds() - 300)]
    const answer = await signOut(one, { everywhere: true })
    expect(answer.status).toBe(200)
    for (const token of [one, old, user.token]) expect(await balances(token)).toBe(401)
    expect(await balances(await theirs(user.account, answer.body.signed_out_at + 1))).toBe(200)
  })

  test('of a clock that is ahead does not outlive a sign-out everywhere with another one of it', async () => {
    const { account } = await client.newAccount()
    const [older, newer] = [await theirs(account, seconds() + 20), await theirs(account, seconds() + 45)]
    expect([await balances(older), await balances(newer)]).toEqual([200, 200])
    expect((await signOut(older, { everywhere: true })).status).toBe(200)
    expect([await balances(older), await balances(newer)]).toEqual([401, 401])
  })
})

test('a withdrawal that KMS is signing while its session ends leaves no signature, and its funds are back', async () => {
  const user = await client.newAccount({ DF: '5' })
  own.stack.kms.control({ faults: [{ kind: 'slow', ms: 5_000 }] })
  const withdrawal = requestWithdrawal(client, user)
  const statuses = async () =>
    (
      await client.sql<{ status: string }>('select status from withdrawals where account = $1', [
        user.account,
      ])
    ).map(({ status }) => status)
  await until(async () => (await statuses()).includes('reserved'), 'the reservation')
  expect((await signOut(user.token, { everywhere: true })).status).toBe(200)
  const answer = await withdrawal
  expect([answer.status, answer.body.error]).toEqual([401, 'UNAUTHORIZED'])
  expect(answer.text).not.toContain('signature')
  expect(await statuses()).toEqual(['released'])
  expect(await client.balancesOf(user.account)).toEqual({ 'spot DF': '5' })
})
