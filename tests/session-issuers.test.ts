import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RATES } from '../functions/_lib/limits.ts'
import { functionLog } from './support/function-log.ts'
import { AUDIENCE, ISSUER, startIssuer, type Issuer } from './support/issuer.ts'
import { ownStack } from './support/own-stack.ts'
import { until } from './support/until.ts'

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
  test('are accepted with any key of its key set', async () => {
    expect(await status(await token())).toBe(200)
    expect(await status(await token({ key: 'ed' }))).toBe(200)
  })

  test.each([
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
  test('are EdDSA where a private key is configured, and an HS256 one by the secret no longer opens anything', async () => {
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

describe('an issuer that is down', () => {
  const PER_MINUTE = RATES.RATE_AUTH_FAILURES.requestsMax
  let issuer: Issuer
  let stack: Awaited<ReturnType<typeof ownStack>>
  beforeAll(async () => {
    issuer = await startIssuer()
    await issuer.add('rs')
    const JWT_JWKS_URL = issuer.newUrl()
    stack = await ownStack({ JWT_JWKS_URL, JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE, RATE_LIMITS: 'on' })
  })
  afterAll(async () => {
    await stack.stop()
    await issuer.stop()
  })

  test.each(['never answers', 'answers HTML with 200', 'redirects to its keys'] as const)(
    'because it %s is 503 for its tokens, and counts against nobody: keys and our own tokens of the address go on',
    async (fault) => {
      const { client } = stack
      const user = await client.newAccount()
      const { api_key: apiKey } = (await client.call('/api-keys', { token: user.token, json: {} })).body
      issuer.fault = fault
      issuer.forget()
      await stack.stack.restartGateway()
      const headers = { 'CF-Connecting-IP': `203.0.113.${fault.length}` }
      const theirs = await issuer.token('rs', user.account, Math.floor(Date.now() / 1000))
      const answers = await Promise.all(
        Array.from(
          { length: 2 * PER_MINUTE + 5 },
          async () => await client.call('/spot/balances', { token: theirs, headers }),
        ),
      )
      for (const answer of answers) {
        expect([answer.status, answer.body.error]).toEqual([503, 'ISSUER_UNAVAILABLE'])
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
      }
      expect((await client.call('/spot/balances', { apiKey, headers })).status).toBe(200)
      expect((await client.call('/spot/balances', { token: user.token, headers })).status).toBe(200)
      const log = (await functionLog(stack.folder)).filter((line) => line.includes('IssuerFault'))
      const code = { 'never answers': 'timeout', 'answers HTML with 200': 'not_json' }[fault as string]
      expect(log.some((line) => line.includes(code ?? 'status_302'))).toBe(true)
      expect(log.filter((line) => /url-secret|127\.0\.0\.1|maintenance/.test(line))).toEqual([])
      // One isolate may be joined by another under load; each request asking for itself would be dozens.
      expect(issuer.asked).toBeLessThan(5)
    },
  )

  test('opens its accounts again once it is back, and finds a key that it has changed meanwhile', async () => {
    issuer.fault = undefined
    await issuer.add('changed')
    await stack.stack.restartGateway()
    for (const kid of ['rs', 'changed']) {
      const theirs = await issuer.token(kid, account, Math.floor(Date.now() / 1000) + 30)
      expect((await stack.client.call('/spot/balances', { token: theirs })).status).toBe(200)
    }
  })

  test('is read for all although the one who asked first hangs up', async () => {
    issuer.fault = 'never answers'
    issuer.forget()
    await stack.stack.restartGateway()
    const theirs = await issuer.token('rs', account, Math.floor(Date.now() / 1000))
    const first = new AbortController()
    const url = `${stack.client.manifest.baseUrl}/spot/balances`
    const hungUp = fetch(url, {
      headers: { Authorization: `Bearer ${theirs}` },
      signal: first.signal,
    }).catch(() => 'hung up')
    await until(() => issuer.asked > 0, 'the first to ask')
    first.abort()
    expect(await hungUp).toBe('hung up')
    issuer.fault = undefined
    const answer = await stack.client.call('/spot/balances', { token: theirs })
    expect([answer.status, answer.body.error]).toEqual([503, 'ISSUER_UNAVAILABLE'])
    expect(issuer.asked).toBe(1)
  })
})
