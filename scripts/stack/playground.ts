/**
 * What the wallet page gets from a local stack beyond the API: development accounts, a way to the chain, and buttons for
 * its clock. Our edge answers it in front of the functions, so no deployed function ever has any of it. The accounts' keys
 * are public, the admin key is not: only a page of this very origin is answered.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text as textOf } from 'node:stream/consumers'
import { chainAction, chainState, CHAIN_ACTIONS } from './playground-chain.ts'
import { forwardRpc } from './playground-rpc.ts'
import { operatorView, pauseSwitch, settleRun } from './playground-operator.ts'
import { readManifest, type Manifest } from './manifest.ts'

/** What the page reads first. */
export interface Playground {
  /** EVM accounts with ether on the local chain, whose keys the chain's node holds. */
  evm: string[]
  /** Solana accounts, each with its ed25519 seed in hex. */
  solana: { address: string; seed: string }[]
  admin_key: string
  chain_id: number
}

/** Public on purpose, as the chain's mnemonic is: accounts of the local stack alone. */
const SOLANA_ACCOUNTS = [
  {
    seed: '0101010101010101010101010101010101010101010101010101010101010101',
    address: 'AKnL4NNf3DGWZJS6cPknBuEGnVsV4A4m5tgebLHaRSZ9',
  },
  {
    seed: '0404040404040404040404040404040404040404040404040404040404040404',
    address: 'EdmxWPmx2WH6WgFfTdu9xfkYf3k1g5wD1zccTVySEEh1',
  },
]

export type Answering = (request: IncomingMessage, response: ServerResponse) => boolean

type Reply = { status: number; body: unknown }
type Route = (manifest: Manifest, body: Record<string, unknown>) => Promise<unknown>

const ROUTES: Record<string, Route> = {
  'GET /playground.json': async (manifest) => await Promise.resolve(described(manifest)),
  'GET /playground/chain': chainState,
  'POST /playground/rpc': forwardRpc,
  'POST /playground/settle': settleRun,
  'GET /playground/operator': operatorView,
  'POST /playground/pause': pauseSwitch,
  ...Object.fromEntries(CHAIN_ACTIONS.map((name) => [`POST /playground/${name}`, chainAction(name)])),
}

/** Answers what is the playground's, and says whether it was. @param folder of the stack */
export function playgroundOf(folder: string): Answering {
  return (request, response) => {
    const [path = ''] = (request.url ?? '').split('?')
    if (path !== '/playground.json' && !path.startsWith('/playground/')) return false
    void answer(folder, `${request.method ?? ''} ${path}`, request).then(({ status, body }) => {
      const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }
      response.writeHead(status, { ...headers, 'X-Request-Id': randomUUID() }).end(JSON.stringify(body))
    })
    return true
  }
}

async function answer(folder: string, name: string, request: IncomingMessage): Promise<Reply> {
  const route = ROUTES[name]
  if (route === undefined) return refusal(404, 'NOT_FOUND', 'the playground has no such thing')
  if (!isOfThisOrigin(request)) return refusal(403, 'FORBIDDEN', 'only the page of this origin is answered')
  try {
    const text = request.method === 'POST' ? await textOf(request) : '{}'
    return {
      status: 200,
      body: await route(readManifest(folder), JSON.parse(text) as Record<string, unknown>),
    }
  } catch (error) {
    return refusal(503, 'PLAYGROUND_FAILED', (error as Error).message)
  }
}

/**
 * Any page in the same browser can send requests here, and a name that was made to point at this machine would make one
 * of theirs look like ours: so neither a foreign origin nor a host by another name is let in, and a body must be JSON,
 * which no form of another page can send.
 */
function isOfThisOrigin({ headers, socket, method }: IncomingMessage): boolean {
  const here = [`127.0.0.1:${socket.localPort}`, `localhost:${socket.localPort}`]
  const { host = '', origin } = headers
  return (
    here.includes(host) &&
    (origin === undefined || origin === `http://${host}`) &&
    ['same-origin', 'none', undefined].includes(headers['sec-fetch-site']) &&
    (method !== 'POST' || headers['content-type'] === 'application/json')
  )
}

const refusal = (status: number, error: string, message: string): Reply => ({
  status,
  body: { error, message, request_id: randomUUID() },
})

function described({ accounts, adminApiKey, chainId }: Manifest): Playground {
  return {
    evm: accounts.map(({ address }) => address.toLowerCase()),
    solana: SOLANA_ACCOUNTS,
    admin_key: adminApiKey,
    chain_id: chainId,
  }
}
