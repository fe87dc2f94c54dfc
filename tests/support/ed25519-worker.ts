/** A Worker that judges signatures in the runtime the functions run in: by verifyStrict, and by the runtime alone. */
import { type StrictPublicKey, verifyStrict } from '../../functions/_lib/wallet/ed25519.ts'

export interface HexSigned {
  key: string
  message: string
  signature: string
}
export interface Verdict {
  strict: boolean
  native: boolean
}

const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16))

async function verdictOn(signed: HexSigned): Promise<Verdict> {
  const [key, message, signature] = [bytes(signed.key), bytes(signed.message), bytes(signed.signature)]
  return {
    strict: await verifyStrict(signature, message, key as Uint8Array as StrictPublicKey),
    native: await nativeVerdict(key, message, signature),
  }
}

/** What the runtime says without any rule of ours. */
export async function nativeVerdict(
  key: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  try {
    const imported = await crypto.subtle.importKey('raw', new Uint8Array(key), 'Ed25519', false, ['verify'])
    return await crypto.subtle.verify('Ed25519', imported, new Uint8Array(signature), new Uint8Array(message))
  } catch {
    return false
  }
}

export default {
  async fetch(request: Request): Promise<Response> {
    const cases = (await request.json()) as HexSigned[]
    return Response.json(await Promise.all(cases.map(verdictOn)))
  },
}
