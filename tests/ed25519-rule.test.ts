import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type StrictPublicKey, verifyStrict } from '../functions/_lib/wallet/ed25519.ts'
import { bundleFunction } from '../scripts/stack/bundle.ts'
import { projectRoot } from '../scripts/stack/manifest.ts'
import { type RawWorkerd, startRawWorkerd } from '../scripts/stack/raw-workerd.ts'
import { readWranglerConfig } from '../scripts/stack/wrangler-config.ts'
import {
  holdsByArithmetic,
  RUNTIME_REFUSES,
  RUNTIME_TAKES,
  type Signed,
  signedCase,
  twisted,
} from './support/ed25519-cases.ts'
import { nativeVerdict, type Verdict } from './support/ed25519-worker.ts'
import { propertyOptions } from './support/property-runs.ts'

let folder: string
let workerd: RawWorkerd

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidegate-ed25519-'))
  const config = join(folder, 'wrangler.json')
  const main = join(projectRoot, 'tests/support/ed25519-worker.ts')
  const { compatibility_date } = readWranglerConfig()
  await writeFile(config, JSON.stringify({ name: 'ed25519', main, compatibility_date }))
  const { file } = await bundleFunction({ config, outdir: join(folder, 'bundle') })
  workerd = await startRawWorkerd({
    folder: join(folder, 'workerd'),
    workers: [{ name: 'ed25519', file, vars: {} }],
  })
})

afterAll(async () => {
  await workerd?.stop()
  await rm(folder, { recursive: true, force: true })
})

const TAKEN = { strict: true, native: true }
const REFUSED = { strict: false, native: false }

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

async function inWorkerd(cases: readonly Signed[]): Promise<Verdict[]> {
  const body = cases.map((signed) => ({
    key: hex(signed.key),
    message: hex(signed.message),
    signature: hex(signed.signature),
  }))
  const response = await fetch(`http://127.0.0.1:${workerd.ports['ed25519']}`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
  expect(response.status).toBe(200)
  return (await response.json()) as Verdict[]
}

const inNode = async ({ key, message, signature }: Signed): Promise<Verdict> => ({
  strict: await verifyStrict(signature, message, key as StrictPublicKey),
  native: await nativeVerdict(key, message, signature),
})

const { options, limitMs } = propertyOptions('ed25519', 12)

test(
  'Node and workerd take what the rule by arithmetic takes, and nothing else',
  async () => {
    const batch = fc.array(signedCase, { minLength: 50, maxLength: 50 })
    await fc.assert(
      fc.asyncProperty(batch, async (cases) => {
        const ruled = cases.map(holdsByArithmetic)
        const node = await Promise.all(cases.map(inNode))
        const workerd = await inWorkerd(cases)
        expect(node.map(({ strict }) => strict)).toEqual(ruled)
        expect(workerd.map(({ strict }) => strict)).toEqual(ruled)
        // Not a rule of ours: a difference here would say that one of them changed its arithmetic.
        expect(workerd).toEqual(node)
      }),
      options,
    )
  },
  limitMs,
)

const secret = new Uint8Array(32).fill(9)
const message = new TextEncoder().encode('move everything')

test('an honest signature is taken everywhere, so it is the twist that is refused below', async () => {
  const honest = twisted(secret, message, {})
  expect(holdsByArithmetic(honest)).toBe(true)
  expect([await inNode(honest), ...(await inWorkerd([honest]))]).toEqual([TAKEN, TAKEN])
})

test.each(Object.entries(RUNTIME_TAKES))(
  'the runtime alone takes %s, and we do not',
  async (_name, twist) => {
    const forged = twisted(secret, message, twist)
    expect(holdsByArithmetic(forged)).toBe(false)
    const refused = { strict: false, native: true }
    expect([await inNode(forged), ...(await inWorkerd([forged]))]).toEqual([refused, refused])
  },
)

test.each(Object.entries(RUNTIME_REFUSES))('the runtime itself refuses %s', async (_name, twist) => {
  const forged = twisted(secret, message, twist)
  expect(holdsByArithmetic(forged)).toBe(false)
  expect([await inNode(forged), ...(await inWorkerd([forged]))]).toEqual([REFUSED, REFUSED])
})
