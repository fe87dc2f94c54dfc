/** What a token must say and how it may be signed, for our own tokens and another issuer's. */
import { createHmac } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SESSION_SECONDS_MAX } from '../functions/_lib/limits.ts'
import { sessionOf } from '../functions/_lib/access/session-claims.ts'
import { readSession, type SessionEnv } from '../functions/_lib/access/session-token.ts'
import { AUDIENCE, ISSUER, startIssuer, type Issuer } from './support/issuer.ts'

const account = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'
const now = 1_800_000_000
const secret = 's'.repeat(32)
let issuer: Issuer
let env: SessionEnv

beforeAll(async () => {
  issuer = await startIssuer()
  for (const [kid, alg] of Object.entries({ rs: 'RS256', ps: 'PS256', es: 'ES256', ed: 'EdDSA' }))
    await issuer.add(kid, alg)
  await issuer.add('ed25519', 'Ed25519')
  await issuer.add('rs512', 'RS512')
  await issuer.add('es384', 'ES384')
  await issuer.add('encrypting', 'RS256', { use: 'enc' })
  env = {
    JWT_SECRET: secret,
    JWT_TTL_SECONDS: 600,
    JWT_JWKS_URL: issuer.newUrl(),
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
  }
})
afterAll(async () => await issuer.stop())

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const hs256 = (key: string, header: object, claims: object) => {
  const input = `${part({ alg: 'HS256', ...header })}.${part(claims)}`
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`
}
let serial = 0
const makers: Record<string, (claims: Record<string, unknown>) => Promise<string>> = {
  'of our own': async (claims) => {
    const all = { sub: account, iss: 'tidegate', aud: 'tidegate', iat: now, exp: now + 600, ...claims }
    return hs256(secret, {}, { ...all, serial: (serial += 1) })
  },
  'of another issuer': async (claims) =>
    await issuer.token('rs', account, now, { claims: { ...claims, serial: (serial += 1) } }),
}
const opens = async (token: string) => (await readSession(env, token, now))?.account ?? null

describe.each(Object.keys(makers))('the claims of a token %s', (maker) => {
  test.each<[string, Record<string, unknown>]>([
    ['issued now', {}],
    ['issued a minute ahead of our clock', { iat: now + 60, exp: now + 660 }],
    ['that begins in a minute by our clock', { nbf: now + 60 }],
    ['that ends in a second', { exp: now + 1 }],
    ['that lives as long as one may', { exp: now + SESSION_SECONDS_MAX }],
    ['whose account is in upper case', { sub: account.toUpperCase().replace('0X', '0x') }],
  ])('%s opens its account', async (_name, claims) => {
    expect(await opens(await makers[maker]!(claims))).toBe(account)
  })

  test.each<[string, Record<string, unknown>]>([
    ['issued more than a minute ahead', { iat: now + 61, exp: now + 660 }],
    ['that begins in more than a minute', { nbf: now + 61 }],
    ['that ends this second', { exp: now }],
    ['that ended a second ago: no grace for the end', { iat: now - 60, exp: now - 1 }],
    ['that lives a second too long', { exp: now + SESSION_SECONDS_MAX + 1 }],
    ['that lives for ever', { exp: Number.MAX_SAFE_INTEGER }],
    ['issued at the epoch, so that its life looks long', { iat: 0 }],
    ['issued before the epoch', { iat: -1 }],
    ['that ends before it was issued', { iat: now + 30, exp: now + 20 }],
    ['without exp', { exp: undefined }],
    ['without iat', { iat: undefined }],
    ['with iat as text', { iat: String(now) }],
    ['with iat null', { iat: null }],
    ['with a fraction in iat', { iat: now - 0.5 }],
    ['with a fraction in exp', { exp: now + 0.5 }],
    ['with nbf as text', { nbf: String(now) }],
    ['without sub', { sub: undefined }],
    ['whose account has a wrong checksum', { sub: '0x70997970C51812dc3A010C7d01b50e0d17dc79C9' }],
    ['whose account is a name', { sub: 'user-1' }],
    ['whose account has a space behind it', { sub: `${account} ` }],
    ['whose account is a number', { sub: 7 }],
    ['for others beside us in a text', { aud: `${AUDIENCE},other` }],
    ['without an audience', { aud: undefined }],
  ])('%s opens nothing', async (_name, claims) => {
    expect(await opens(await makers[maker]!(claims))).toBeNull()
  })
})

test('a token whose signature is spelt otherwise is the same session: signing out ends every spelling', async () => {
  const claims = { sub: account, iat: now, exp: now + 60 }
  const first = await sessionOf('head.claims.signature', claims, now)
  expect(first).not.toBeNull()
  expect(await sessionOf('head.claims.signatura', claims, now)).toEqual(first)
  for (const other of ['head.claimz.signature', 'heat.claims.signature'])
    expect((await sessionOf(other, claims, now))?.id).not.toBe(first?.id)
})

test('a session is over in the second that its token ends, whatever remembers it longer', async () => {
  const at = async (exp: number) => await sessionOf('a.b.c', { sub: account, iat: now - 10, exp }, now)
  expect([(await at(now + 1))?.expiresAt, await at(now), await at(now - 1)]).toEqual([now + 1, null, null])
})

describe('the signature of another issuer’s token', () => {
  test.each(['rs', 'ps', 'es', 'ed', 'ed25519'])('by its key %s is accepted', async (kid) => {
    expect(await opens(await issuer.token(kid, account, now))).toBe(account)
  })

  test.each([
    ['ed', 'Ed25519'],
    ['ed25519', 'EdDSA'],
  ])('by its key %s is accepted under the other name too: %s', async (kid, alg) => {
    expect(await opens(await issuer.token(kid, account, now, { alg }))).toBe(account)
  })

  test.each(['rs512', 'es384', 'encrypting'])('by its key %s is not on the list', async (kid) => {
    expect(await opens(await issuer.token(kid, account, now))).toBeNull()
  })

  test('is never a secret’s: not the set’s own text, not a public key of it, not our secret', async () => {
    const jwks = (await (await fetch(env.JWT_JWKS_URL!)).json()) as { keys: { kid: string; n?: string }[] }
    const rs = jwks.keys.find(({ kid }) => kid === 'rs')!
    const claims = { sub: account, iss: ISSUER, aud: AUDIENCE, iat: now, exp: now + 600 }
    for (const key of [secret, rs.n!, JSON.stringify(rs), JSON.stringify(jwks), ''])
      expect(await opens(hs256(key || ' ', { kid: 'rs' }, claims))).toBeNull()
    expect(await opens(`${part({ alg: 'none', kid: 'rs' })}.${part(claims)}.`)).toBeNull()
  })

  test('is not looked for where the token’s header points: jwk, jku, x5u, x5c; an unknown crit is refused', async () => {
    const mine = await generateKeyPair('RS256', { extractable: true })
    const jwk = { ...(await exportJWK(mine.publicKey)), kid: 'mine' }
    const asked: string[] = []
    const { withServer } = await import('./support/loopback-server.ts')
    await withServer(
      (request, response) => {
        asked.push(request.url ?? '')
        response.end(JSON.stringify({ keys: [jwk] }))
      },
      async (url) => {
        for (const header of [
          { jwk },
          { jku: url },
          { x5u: url },
          { x5c: ['MIIB'] },
          { kid: 'mine', jwk, jku: url },
        ]) {
          const forged = await new SignJWT({})
            .setProtectedHeader({ alg: 'RS256', kid: 'rs', ...header })
            .setSubject(account)
            .setIssuer(ISSUER)
            .setAudience(AUDIENCE)
            .setIssuedAt(now)
            .setExpirationTime(now + 600)
            .sign(mine.privateKey)
          expect(await opens(forged)).toBeNull()
        }
      },
    )
    expect(asked).toEqual([])
    const critical = await issuer.token('rs', account, now, { header: { crit: ['b64'], b64: true } })
    const [, claims, signature] = critical.split('.')
    const unknown = part({ alg: 'RS256', kid: 'rs', crit: ['tidegate'], tidegate: 1 })
    expect(await opens(`${unknown}.${claims}.${signature}`)).toBeNull()
  })
})

test('our own EdDSA tokens go by both names of the algorithm, and by no other key', async () => {
  const own = await generateKeyPair('EdDSA', { extractable: true })
  const mine: SessionEnv = {
    JWT_PRIVATE_KEY: JSON.stringify(await exportJWK(own.privateKey)),
    JWT_TTL_SECONDS: 600,
  }
  const signed = async (alg: string, key: CryptoKey) =>
    await new SignJWT({ sub: account, iss: 'tidegate', aud: 'tidegate', iat: now, exp: now + 600 })
      .setProtectedHeader({ alg })
      .sign(key)
  for (const alg of ['EdDSA', 'Ed25519'])
    expect((await readSession(mine, await signed(alg, own.privateKey), now))?.account).toBe(account)
  const other = await generateKeyPair('EdDSA')
  expect(await readSession(mine, await signed('EdDSA', other.privateKey), now)).toBeNull()
})
