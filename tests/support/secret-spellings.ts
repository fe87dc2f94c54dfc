/** The ways in which somebody puts a secret into a variable: right, nearly right, and as it was copied from somewhere. */
import fc from 'fast-check'

export interface Spelt {
  /** What must be found nowhere, in any form. */
  core: string
  /** What stands in the variable. */
  text: string
}

const ALPHABET = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/']
/** As `openssl rand -base64` writes it, with the letters that end a URL's host and password. */
const core = fc
  .array(fc.constantFrom(...ALPHABET), { minLength: 26, maxLength: 62 })
  .map((letters) => `${letters.slice(0, 13).join('')}/${letters.slice(13).join('')}`)

const url = encodeURIComponent
const base64 = (text: string) => Buffer.from(text).toString('base64')
/** The login that a variable is for. */
const userOf = (name: string) => `tidegate_${name.split('_')[0]?.toLowerCase()}`
/** By what the secret is a part of. */
const AS: ((secret: string, name: string) => string)[] = [
  (secret) => secret,
  (secret) => url(secret),
  (secret) => url(url(secret)),
  (secret) => base64(secret),
  (secret) => secret.replaceAll('/', '_').replaceAll('+', '-'),
  (secret) => secret.toUpperCase().replace(/[^A-Z0-9]/g, 'X'),
  (secret, name) => `postgresql://${userOf(name)}:${secret}@db.example.com/tidegate`,
  (secret, name) => `postgres://${userOf(name)}:${url(secret)}@db.example.com/tidegate?sslmode=require`,
  (secret, name) => `postgresql://${userOf(name)}:${secret}@db.example.com`,
  (secret) => `postgresql://${secret}@db.example.com/tidegate`,
  (secret, name) => `postgresql://${userOf(name)}:${secret}@x@db.example.com/tidegate`,
  (secret) => `postgresql://db.example.com/tidegate?user=tidegate&password=${secret}`,
  (secret) => `jdbc:postgresql://db.example.com/tidegate?password=${secret}`,
  (secret) => `tidegate:${secret}@db.example.com:5432/tidegate`,
  (secret) => `host=db.example.com port=5432 user=tidegate password=${secret} dbname=tidegate`,
  (secret) => `host='db.example.com' password='${secret}'`,
  (secret) => `psql 'postgresql://tidegate:${secret}@db.example.com/tidegate'`,
  (secret) => `https://hooks.example.com/services/${secret}`,
  (secret) => `https://hooks.example.com/?token=${url(secret)}`,
  (secret) => `http://hooks.example.com/${secret}`,
  (secret) => `hooks.example.com/services/${secret}`,
  (secret) => `https://user:${secret}@node.example.com/`,
  (secret) => `https://node.example.com/v3/${secret}, https://other.example.com/${secret}`,
  (secret) => `wss://node.example.com/${secret}`,
  (secret) => `https://[${secret}]/`,
  (secret) => `https://node.example.com:${secret}/`,
  (secret) => `Bearer ${secret}`,
  (secret) => `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`,
  (secret) => JSON.stringify({ kty: 'OKP', crv: 'Ed25519', d: secret, x: secret }),
  (secret) => JSON.stringify({ kty: 'OKP', crv: 'Ed25519', d: jwkPart(secret), x: jwkPart(base64(secret)) }),
  (secret) => `{"kty":"OKP","crv":"Ed25519","d":"${secret}"`,
  (secret, name) => JSON.stringify({ [name]: secret }),
  (secret) => `{"SecretString":"${secret}"}`,
  (secret) =>
    `AKIA${secret
      .replace(/[^A-Za-z0-9]/g, '')
      .toUpperCase()
      .slice(0, 16)}`,
  (secret) =>
    secret
      .replace(/[^A-Za-z0-9]/g, '')
      .padEnd(40, 'x')
      .slice(0, 40),
]
const jwkPart = (text: string) =>
  text
    .replace(/[^A-Za-z0-9_-]/g, '')
    .padEnd(43, 'A')
    .slice(0, 43)

/** By what stands around it. */
const AROUND: ((text: string, name: string) => string)[] = [
  (text) => text,
  (text) => text,
  (text) => ` ${text}`,
  (text) => `${text}\n`,
  (text) => `${text}\r\n`,
  (text) => `"${text}"`,
  (text) => `'${text}'`,
  (text) => `\`${text}\``,
  (text) => JSON.stringify(text),
  (text, name) => `${name}=${text}`,
  (text, name) => `export ${name}="${text}"`,
  (text, name) => `${name}: ${text}`,
  (text) => `${text}\n${text}`,
  (text) => text.replace(/(.{20})/g, '$1\n'),
  (text) => `${text}\u200b`,
  (text) => `\ufeff${text}`,
  (text) => `<${text}>`,
  (text) => text.repeat(40),
]

export const spelling = (name: string): fc.Arbitrary<Spelt> =>
  fc
    .tuple(core, fc.constantFrom(...AS), fc.constantFrom(...AROUND))
    .map(([secret, as, around]) => ({ core: secret, text: around(as(secret, name), name) }))

const PIECE = 12

const telling = new WeakMap<Spelt, readonly string[]>()

/** Does any piece of the secret stand in the text, as it is or as somebody would write it? */
export function showsSecret(spelt: Spelt, output: string): string | undefined {
  const pieces = telling.get(spelt) ?? tellingPieces(spelt)
  telling.set(spelt, pieces)
  const plain = output.replace(/\\[nrt"\\/]/g, '')
  return pieces.find((piece) => output.includes(piece) || plain.includes(piece))
}

/** A piece of what only stands around the secret, such as a host's name, tells nothing. */
function tellingPieces({ core: secret, text }: Spelt): string[] {
  const forms = [secret, url(secret), base64(secret), secret.replaceAll('/', '_').replaceAll('+', '-')]
  const pieces = [...forms, text].flatMap((form) =>
    Array.from({ length: Math.max(0, form.length - PIECE) }, (_, at) => form.slice(at, at + PIECE)),
  )
  return [...new Set(pieces)].filter((piece) => forms.some((form) => form.includes(piece)))
}
