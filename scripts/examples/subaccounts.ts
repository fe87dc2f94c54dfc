/**
 * Subaccounts and agents from TypeScript.
 *
 *     npm run dev                                # in another terminal
 *     npx tsx scripts/examples/subaccounts.ts [.local/dev.json]
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ed25519 } from '@noble/curves/ed25519.js'
import { base58 } from '@scure/base'

interface Manifest {
  baseUrl: string
  adminApiKey: string
}
type Json = string | number | null | { [key: string]: Json }
type Data = Record<string, string>

const [file = join(import.meta.dirname, '../../.local/dev.json'), ...more] = process.argv.slice(2)
if (more.length > 0 || file.startsWith('-'))
  fail('usage: npx tsx scripts/examples/subaccounts.ts [.local/dev.json]', 2)
const manifest = readManifest()
const WINDOW_MS = 30_000

function fail(message: string, code: number): never {
  console.error(message)
  process.exit(code)
}

function readManifest(): Manifest {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Manifest
  } catch {
    return fail(`${file} cannot be read; is \`npm run dev\` running?`, 1)
  }
}

/** Keys sorted at every level, no spaces: what is signed. */
const canonical = (value: Json): string =>
  typeof value === 'object' && value !== null
    ? `{${Object.keys(value)
        .sort()
        .map((key) => `${JSON.stringify(key)}:${canonical(value[key]!)}`)
        .join()}}`
    : JSON.stringify(value)

function newWallet() {
  const secret = ed25519.utils.randomSecretKey()
  const sign = (type: string, data: Data, timestamp: number): string => {
    const text = canonical({ type, timestamp, expiry_window: WINDOW_MS, data })
    return base58.encode(ed25519.sign(new TextEncoder().encode(text), secret))
  }
  return { address: base58.encode(ed25519.getPublicKey(secret)), sign }
}
type Wallet = ReturnType<typeof newWallet>

async function post(what: string, path: string, body: object, headers: Record<string, string> = {}) {
  const response = await fetch(manifest.baseUrl + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  }).catch(() => fail(`${manifest.baseUrl} does not answer; is \`npm run dev\` running?`, 1))
  console.log(`${what}: ${response.status} ${await response.text()}`)
}

async function signed(what: string, path: string, type: string, account: Wallet, data: Data, agent?: Wallet) {
  const timestamp = Date.now()
  await post(what, path, {
    account: account.address,
    ...(agent ? { agent_wallet: agent.address } : {}),
    ...data,
    timestamp,
    expiry_window: WINDOW_MS,
    signature: (agent ?? account).sign(type, data, timestamp),
  })
}

async function createSubaccount(main: Wallet, sub: Wallet) {
  const timestamp = Date.now()
  const offer = sub.sign('subaccount_initiate', { account: main.address }, timestamp)
  await post('create', '/account/subaccount/create', {
    main_account: main.address,
    subaccount: sub.address,
    main_signature: main.sign('subaccount_confirm', { signature: offer }, timestamp),
    sub_signature: offer,
    timestamp,
    expiry_window: WINDOW_MS,
  })
}

const [main, sub, agent] = [newWallet(), newWallet(), newWallet()]
await createSubaccount(main, sub)
const faucet = { user_address: main.address, token: 'SOL', amount: '10' }
await post('faucet', '/admin/spot/balances/credit', faucet, { 'X-API-Key': manifest.adminApiKey })
await signed('bind', '/agent/bind', 'bind_agent_wallet', main, { agent_wallet: agent.address })
const path = '/account/subaccount/spot_asset/transfer'
const transfer = {
  to_account: sub.address,
  symbol: 'SOL',
  amount: '1.50000000',
  idempotency_key: randomUUID(),
}
await signed('transfer by the agent', path, 'transfer_spot_asset', main, transfer, agent)
await signed('the same key again', path, 'transfer_spot_asset', main, transfer, agent)
await signed('list', '/account/subaccount/list', 'list_subaccounts', main, {}, agent)
