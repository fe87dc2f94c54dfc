/** Another issuer, as bad as the field has them: its key set answers in every way that a key set has been seen to. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose'

export const ISSUER = 'https://issuer.example.com'
export const AUDIENCE = 'exchange'

type Answer = (response: ServerResponse, jwks: string) => void
const send = (status: number, headers: Record<string, string>, body: (jwks: string) => string): Answer => {
  return (response, jwks) => response.writeHead(status, headers).end(body(jwks))
}

/** What the address does instead of answering its keys. Whatever hangs is let go when the issuer stops. */
export const FAULTS = {
  'answers 500': send(500, {}, () => 'oops'),
  'answers 404': send(404, {}, () => ''),
  'answers HTML with 200': send(200, { 'Content-Type': 'text/html' }, () => '<html>maintenance</html>'),
  'answers nothing': send(200, {}, () => ''),
  'answers a list': send(200, {}, (jwks) => `[${jwks}]`),
  'answers null': send(200, {}, () => 'null'),
  'has no keys': send(200, {}, () => '{"keys":[]}'),
  'has only a secret': send(200, {}, () => '{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"rs"}]}'),
  'redirects to its keys': send(302, { Location: '/moved' }, () => ''),
  'answers its keys and then megabytes': send(200, {}, (jwks) => jwks + ' '.repeat(3_000_000)),
  'never answers': () => undefined,
  'begins its keys and never ends': (response, jwks) => void response.writeHead(200).write(jwks.slice(0, 20)),
  'hangs up': (response) => void response.destroy(),
} satisfies Record<string, Answer>
export type Fault = keyof typeof FAULTS

interface Signing {
  /** Header members beside `alg`; `kid` is the key's own unless it is named here. */
  header?: object
  claims?: Record<string, unknown>
  alg?: string
}

export interface Issuer {
  /** A new address of the same keys, so that nobody has read it before. */
  newUrl(): string
  /** How often the keys were asked for since `forget`. */
  readonly asked: number
  forget(): void
  fault: Fault | undefined
  /** Adds a key to the set, or takes one out. */
  add(kid: string, alg?: string, published?: JWK): Promise<void>
  withdraw(kid: string): void
  /** A token signed with a key of this issuer, published or not. */
  token(kid: string, account: string, now: number, signing?: Signing): Promise<string>
  stop(): Promise<void>
}

export async function startIssuer(): Promise<Issuer> {
  const pairs = new Map<string, { alg: string; pair: Awaited<ReturnType<typeof generateKeyPair>> }>()
  let published: JWK[] = []
  let asked = 0
  let addresses = 0
  const server = createServer((request, response) => {
    asked += 1
    const jwks = JSON.stringify({ keys: published })
    if (issuer.fault && request.url !== '/moved') return FAULTS[issuer.fault](response, jwks)
    response.setHeader('Content-Type', 'application/json')
    return response.end(jwks)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const issuer: Issuer = {
    newUrl: () => `http://127.0.0.1:${port}/${++addresses}/jwks.json?key=url-secret`,
    get asked() {
      return asked
    },
    forget: () => (asked = 0),
    fault: undefined,
    async add(kid, alg = 'RS256', shape = {}) {
      const pair = await generateKeyPair(alg, { extractable: true })
      pairs.set(kid, { alg, pair })
      published.push({ ...(await exportJWK(pair.publicKey)), kid, alg, ...shape })
    },
    withdraw: (kid) => (published = published.filter((key) => key.kid !== kid)),
    async token(kid, account, now, { header = {}, claims = {}, alg } = {}) {
      const signer = pairs.get(kid)
      if (!signer) throw new Error(`no key ${kid}`)
      const all = { sub: account, iss: ISSUER, aud: AUDIENCE, iat: now, exp: now + 600, ...claims }
      const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
      return await new SignJWT(sent)
        .setProtectedHeader({ alg: alg ?? signer.alg, kid, ...header })
        .sign(signer.pair.privateKey)
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return issuer
}
