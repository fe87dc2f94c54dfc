/** Near misses: texts that some parser would take and the contract does not. */
import { createHmac, generateKeyPairSync, sign as signBytes } from 'node:crypto'

const filler = (length: number) => '9'.repeat(length)

/** Each is INVALID_AMOUNT. */
export const BAD_AMOUNTS: unknown[] = [
  ...['1e3', '1E3', '1e-2', '+1', ' 1', '1 ', '1\n', '\t1', '1\u0000', '1\u00a0', '\ufeff1', '1\u200b'],
  ...['１', '٣', '१', '²', '½', '٫5', '1٫5', '0x10', '0b1', '0o7', '1,0', '1,000.5', "1'000", '1_000'],
  ...['01', '00', '00.5', '-01', '.5', '1.', '.', '-', '--1', '-+1', '1-', '1.2.3', '1..2', '- 1', '−1'],
  ...['', 'NaN', 'nan', 'Infinity', '-Infinity', 'inf', 'null', 'true', '1n', '$1', '1 USDT', '1/2', '(1)'],
  ...[filler(21), `1.${filler(19)}`, `0.${'0'.repeat(18)}1`, filler(5000), `1.${'0'.repeat(4000)}`],
  ...[1, 1.5, 0, -1, 1e21, 1e-7, Number.MAX_SAFE_INTEGER],
]
/** Each is AMOUNT_NON_POSITIVE. */
export const NON_POSITIVE_AMOUNTS = [
  '0',
  '-0',
  '0.0',
  '-0.000',
  '0.000000000000000000',
  '-1',
  '-0.000001',
  '-99999999999999999999',
]
/** Each is INVALID_REQUEST: not even the shape of an amount. */
export const NO_AMOUNTS: unknown[] = [null, true, [], ['1'], {}, { amount: '1' }]

const GOOD = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
const SOLANA = 'AKnL4NNf3DGWZJS6cPknBuEGnVsV4A4m5tgebLHaRSZ9'
/** Each is no EVM and no Solana address that somebody can hold. */
export const BAD_ADDRESSES = [
  ...[GOOD.replace('aA', 'AA'), GOOD.replace('Aed', 'aeD'), GOOD + '0', GOOD.slice(0, -1), GOOD.slice(2)],
  ...[
    GOOD.replace('0x', '0X'),
    GOOD.replace('x', 'ｘ'),
    GOOD.replace('0x', '0×'),
    `${GOOD} `,
    ` ${GOOD}`,
    `${GOOD}\n`,
  ],
  ...[
    GOOD.toLowerCase().replace('a', 'а'),
    GOOD.toLowerCase().replace('0x5', '0x５'),
    GOOD.slice(0, 20) + '\u200d' + GOOD.slice(20),
  ],
  ...[
    GOOD.slice(0, 41) + '\u200d',
    `\ufeff${GOOD}`,
    `${GOOD}\u0000`,
    GOOD.replace('d', 'g'),
    `0x${'0'.repeat(40)}`,
    '0x',
    'x',
  ],
  ...['vitalik.eth', `ethereum:${GOOD}`, `${GOOD},${GOOD}`, 'null', 'undefined', '-1', '9'.repeat(5000)],
  ...[...'0OIl'].map((letter) => letter + SOLANA.slice(1)),
  ...[
    SOLANA + '1',
    SOLANA.slice(1),
    '1'.repeat(32),
    '1' + SOLANA,
    SOLANA.replace('A', 'А'),
    SOLANA.toLowerCase(),
    `${SOLANA} `,
  ],
]
export const NO_ADDRESSES: unknown[] = [123, true, [GOOD], { address: GOOD }]

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
type Claims = Record<string, unknown>
type Signer = (input: string) => string

const hmac =
  (secret: string, hash = 'sha256'): Signer =>
  (input) =>
    createHmac(hash, secret).update(input).digest('base64url')
const token = (header: object, claims: Claims, sign: Signer) => {
  const input = `${part(header)}.${part(claims)}`
  return `${input}.${sign(input)}`
}

/** A good token of our own making, to prove that the forged ones differ from it by one thing only. */
export const goodToken = (secret: string, claims: Claims) =>
  token({ alg: 'HS256', typ: 'JWT' }, claims, hmac(secret))

export function goodClaims(account: string): Claims {
  const now = Math.floor(Date.now() / 1000)
  return { sub: account, iat: now, exp: now + 600, iss: 'tidegate', aud: 'tidegate', jti: 'forged' }
}

/** Bearer tokens that must open nothing, by what is wrong with them. */
export function forgedTokens(secret: string, account: string): Record<string, string> {
  const claims = goodClaims(account)
  const now = Math.floor(Date.now() / 1000)
  const without = (name: string) => Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name))
  const ours = (changed: Claims) => goodToken(secret, { ...claims, ...changed })
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ed = generateKeyPairSync('ed25519')
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' })
  const rs256 = (input: string) =>
    signBytes('sha256', Buffer.from(input), rsa.privateKey).toString('base64url')
  const eddsa = (input: string) => signBytes(null, Buffer.from(input), ed.privateKey).toString('base64url')
  const jwk = ed.publicKey.export({ format: 'jwk' })
  const good = ours({})
  return {
    garbage: 'garbage',
    'three dots of nothing': '..',
    'alg none, unsigned': `${part({ alg: 'none' })}.${part(claims)}.`,
    'alg none, with our signature': token({ alg: 'none', typ: 'JWT' }, claims, hmac(secret)),
    'alg NONE': `${part({ alg: 'NONE' })}.${part(claims)}.`,
    'no alg': token({ typ: 'JWT' }, claims, hmac(secret)),
    'another secret': token({ alg: 'HS256' }, claims, hmac('another secret, also of thirty-two bytes')),
    'an empty secret': token({ alg: 'HS256' }, claims, hmac('')),
    'HS512 with our secret': token({ alg: 'HS512' }, claims, hmac(secret, 'sha512')),
    'RS256 by a key of its own': token({ alg: 'RS256' }, claims, rs256),
    'HS256 keyed with a public key': token({ alg: 'HS256' }, claims, hmac(pem.toString())),
    'EdDSA with the key in the header': token({ alg: 'EdDSA', jwk }, claims, eddsa),
    'unknown critical header': token({ alg: 'HS256', crit: ['x'], x: 1 }, claims, hmac(secret)),
    'changed after signing': good.replace(/\.[^.]+\./, `.${part({ ...claims, jti: 'other' })}.`),
    'signature cut off': good.slice(0, -1),
    'signature missing': good.slice(0, good.lastIndexOf('.') + 1),
    'another issuer': ours({ iss: 'somebody' }),
    'no issuer': goodToken(secret, without('iss')),
    'another audience': ours({ aud: 'somebody' }),
    'no audience': goodToken(secret, without('aud')),
    expired: ours({ iat: now - 7200, exp: now - 3600 }),
    'expires this second': ours({ exp: now }),
    'fraction of a second in exp': ours({ exp: now + 600.5 }),
    'exp as text': ours({ exp: String(now + 600) }),
    'no exp': goodToken(secret, without('exp')),
    'no iat': goodToken(secret, without('iat')),
    'no sub': goodToken(secret, without('sub')),
    'not good yet': ours({ nbf: now + 600 }),
    'sub is no account': ours({ sub: 'admin' }),
    'sub is the zero address': ours({ sub: `0x${'0'.repeat(40)}` }),
    'sub is a list': ours({ sub: [account] }),
    'sub is a system account': ours({ sub: 'issuance' }),
    'longer than any honest token': ours({ filler: 'x'.repeat(9000) }),
  }
}

/** Bodies that are refused before a field is looked at, with the answer; `good` is one that would succeed. */
export function badBodies(
  good: Record<string, unknown>,
): Record<string, { body: string | Uint8Array; type?: string; error: string }> {
  const text = JSON.stringify(good)
  const inner = text.slice(1, -1)
  const comma = inner === '' ? '' : ','
  const [name = 'x'] = Object.keys(good)
  const invalid = (body: string | Uint8Array) => ({ body, error: 'INVALID_REQUEST' })
  const unsupported = (type: string) => ({ body: text, type, error: 'UNSUPPORTED_MEDIA_TYPE' })
  return {
    'one byte too long': {
      body: text + ' '.repeat(16 * 1024 + 1 - Buffer.byteLength(text)),
      error: 'PAYLOAD_TOO_LARGE',
    },
    // No more than the runtime reads away after an early answer (64 KiB): beyond that it cuts the connection, and the
    // client may see the cut before the answer.
    'three times too long': { body: `{"x":"${'x'.repeat(3 * 16 * 1024)}"}`, error: 'PAYLOAD_TOO_LARGE' },
    'as text': unsupported('text/plain'),
    'as a form': unsupported('application/x-www-form-urlencoded'),
    'as almost JSON': unsupported('application/jsonp'),
    'without a type': unsupported(''),
    empty: invalid(''),
    'cut off': invalid(text.slice(0, -1)),
    'with a tail': invalid(`${text}{}`),
    'with a comment': invalid(`${text}//`),
    'with single quotes': invalid(`{'${name}':1}`),
    'with a trailing comma': invalid(`{${inner},}`),
    'a list': invalid(`[${text}]`),
    'a number': invalid('7'),
    'a text': invalid(JSON.stringify(text)),
    null: invalid('null'),
    true: invalid('true'),
    'with an unknown field': invalid(`{${inner}${comma}"unknown_field":1}`),
    'with __proto__': invalid(`{${inner}${comma}"__proto__":{"admin":true}}`),
    'with constructor': invalid(`{${inner}${comma}"constructor":{"prototype":{}}}`),
    'with a field twice': invalid(`{${inner}${comma}"${name}":"1","${name}":"1"}`),
    'with a field twice, once escaped': invalid(
      `{${inner}${comma}"${name}":1,"\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}":1}`,
    ),
    'nested very deep': invalid(`{${inner}${comma}"x":${'['.repeat(4000)}${']'.repeat(4000)}}`),
    'with very many values': invalid(`{${inner}${comma}"x":[${'0,'.repeat(2000)}0]}`),
    'with very many fields': invalid(
      `{${inner}${comma}${Array.from({ length: 1000 }, (_, at) => `"f${at}":1`).join()}}`,
    ),
    'not UTF-8': invalid(
      Buffer.concat([Buffer.from(`{${inner}${comma}"x":"`), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]),
    ),
    'overlong UTF-8': invalid(
      Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xc0, 0xae]), Buffer.from('"}')]),
    ),
    'UTF-16': invalid(Buffer.from(text, 'utf16le')),
    'with a byte order mark': invalid(`\ufeff${text}`),
    'with a NUL behind it': invalid(`${text}\u0000`),
  }
}
