import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ownStack } from './support/own-stack.ts'

const ISSUER = 'https://issuer.example.com'
const AUDIENCE = 'exchange'
const account = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'

let own: Awaited<ReturnType<typeof ownStack>>
let keys: Record<'rs' | 'ed' | 'foreign', Awaited<ReturnType<typeof generateKeyPair>>>
const jwks = { keys: [] as object[] }
const server = createServer((_request, response) => response.end(JSON.stringify(jwks)))

beforeAll(async () => {
  keys = {
    rs: await generateKeyPair('RS256', { extractable: true }),
    ed: await generateKeyPair('EdDSA', { extractable: true }),
    foreign: await generateKeyPair('RS256', { extractable: true }),
  }
  jwks.keys.push({ ...(await exportJWK(keys.rs.publicKey)), kid: 'rs', alg: 'RS256' })
  jwks.keys.push({ ...(await exportJWK(keys.ed.publicKey)), kid: 'ed', alg: 'EdDSA' })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const ownKey = await generateKeyPair('EdDSA', { extractable: true })
  own = await ownStack({
    JWT_PRIVATE_KEY: JSON.stringify(await exportJWK(ownKey.privateKey)),
    JWT_JWKS_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
  })
})
afterAll(async () => {
  await own.stop()
  server.close()
})

const token = async (
  change: {
    kid?: string
    key?: 'rs' | 'ed' | 'foreign'
    iss?: string
    aud?: string
    sub?: string
    ttl?: number
  } = {},
) => {
  const key = change.key ?? 'rs'
  return await new SignJWT({})
    .setProtectedHeader({
      alg: key === 'ed' ? 'EdDSA' : 'RS256',
      kid: change.kid ?? (key === 'ed' ? 'ed' : 'rs'),
    })
    .setSubject(change.sub ?? account)
    .setIssuer(change.iss ?? ISSUER)
    .setAudience(change.aud ?? AUDIENCE)
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + (change.ttl ?? 600))
    .sign(keys[key].privateKey)
}
const status = async (bearer: string) => (await own.client.call('/spot/balances', { token: bearer })).status

describe('tokens of a configured issuer', () => {
  it('are accepted with any key of its key set', async () => {
    expect(await status(await token())).toBe(200)
    expect(await status(await token({ key: 'ed' }))).toBe(200)
  })

  it.each([
    ['by a key that is not in the set', { key: 'foreign' as const }],
    ['for another audience', { aud: 'somebody' }],
    ['of another issuer', { iss: 'https://other.example.com' }],
    ['that claim to be ours', { iss: 'tidegate', aud: 'tidegate' }],
    ['that have expired', { ttl: -60 }],
    ['whose subject is no account', { sub: 'user-1' }],
    ['naming a key of another algorithm', { kid: 'ed' }],
  ])('are refused when %s', async (_what, change) => {
    expect(await status(await token(change))).toBe(401)
  })
})

describe('our own tokens', () => {
  it('are EdDSA where a private key is configured, and an HS256 one by the secret no longer opens anything', async () => {
    const { privateKeyToAccount, generatePrivateKey } = await import('viem/accounts')
    const wallet = privateKeyToAccount(generatePrivateKey())
    const { typed_data: data } = (await own.client.call(`/auth/nonce/${wallet.address}`)).body
    const signature = await wallet.signTypedData(data)
    const login = await own.client.call('/auth/login', {
      json: { address: wallet.address, signature, timestamp: data.message.timestamp },
    })
    const header = decodeProtectedHeader(login.body.token)
    expect(header.alg).toBe('EdDSA')
    expect(await status(login.body.token)).toBe(200)
    expect(await status(await own.client.sessionFor(account))).toBe(401)
  })
})
