/** The calls of a person who uses the whole system, made to what was deployed: by its host, through its routes and bindings. */
import { once } from 'node:events'
import { parseAbi, type Address, type Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import WebSocket from 'ws'
import { askHost } from '../deploy/ask.ts'
import type { Rehearsal } from './rehearsal.ts'
import { chainClient, succeed } from './deploy.ts'

const abi = parseAbi(['function withdraw(address token, uint256 amount, uint256 deadline, bytes signature)'])
const CRON = '* * * * *'
const PUSH_LIMIT_MS = 20_000

interface Options {
  host: string
  /** The Worker that has the cron. */
  cronWorker: string
}

interface Withdrawal {
  id: string
  amount_in_wei: string
  signature: Hex
  deadline: number
  vault_address: Address
}

type Call = <T>(path: string, json?: unknown, headers?: Record<string, string>) => Promise<T>

/** @throws Error with the step that did not end as it must */
export async function smokeDeployed(rehearsal: Rehearsal, { host, cronWorker }: Options): Promise<void> {
  const { stack, cloudflare, secrets } = rehearsal
  const call = callerOf(host, cloudflare.edgeUrl)
  const wallet = privateKeyToAccount(generatePrivateKey())
  const token = await signIn(call, wallet)
  const session = { authorization: `Bearer ${token}` }
  for (const [symbol, amount] of [
    ['USDT', '10'],
    ['DF', '100'],
  ]) {
    const credit = { user_address: wallet.address, token: symbol, amount, reason: 'smoke' }
    await call('/api/v1/admin/spot/balances/credit', credit, { 'x-api-key': secrets.ADMIN_API_KEY ?? '' })
  }
  const stream = await subscribe(host, cloudflare.edgeUrl, token)
  const transfer = { token: 'USDT', direction: 'spot_to_perp', amount: '4' }
  const moved = await call<{ transfer_id: string }>('/api/v1/spot/transfer', transfer, session)
  await stream.received(({ data }) => data?.token === 'USDT' && data.available === '6')
  stream.close()
  const [newest, ...others] = await call<{ transfer_id: string }[]>(
    '/api/v1/spot/transfers?limit=1',
    undefined,
    session,
  )
  equal('the newest of the history', newest?.transfer_id, moved.transfer_id)
  equal('items of a page with limit=1', 1 + others.length, 1)

  const wish = { token: 'DF', amount: '40' }
  const { id, ...signed } = await call<Withdrawal>('/api/v1/spot/withdraw/request', wish, session)
  const chain = chainClient(stack.manifest.rpcUrl, stack.manifest.chainId)
  await chain.setBalance({ address: wallet.address, value: 10n ** 18n })
  const hash = await chain.writeContract({
    account: wallet,
    address: signed.vault_address,
    abi,
    functionName: 'withdraw',
    args: [
      stack.chain.tokens.DF.address,
      BigInt(signed.amount_in_wei),
      BigInt(signed.deadline),
      signed.signature,
    ],
  })
  await succeed(chain, hash)
  await chain.mine({ blocks: 2 })
  equal('the outcome of the cron', (await cloudflare.runCron(cronWorker, CRON)).outcome, 'ok')
  const { status } = await call<{ status: string }>(`/api/v1/spot/withdrawals/${id}`, undefined, session)
  equal('the withdrawal that was paid', status, 'confirmed')
}

function equal(what: string, found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`smoke: ${what} is ${String(found)}, not ${String(wanted)}`)
}

const callerOf =
  (host: string, connectTo: string): Call =>
  async <T>(path: string, json?: unknown, headers: Record<string, string> = {}) => {
    const body = json === undefined ? undefined : JSON.stringify(json)
    const { status, text } = await askHost(host, path, {
      connectTo,
      ...(body === undefined
        ? { headers }
        : { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } }),
    })
    if (status !== 200) throw new Error(`smoke: ${path} answered ${status} ${text}`)
    return JSON.parse(text) as T
  }

async function signIn(call: Call, wallet: ReturnType<typeof privateKeyToAccount>): Promise<string> {
  const { typed_data: typed } = await call<{ typed_data: Parameters<typeof wallet.signTypedData>[0] }>(
    `/api/v1/auth/nonce/${wallet.address}`,
  )
  const signature = await wallet.signTypedData(typed)
  const { timestamp } = typed.message as { timestamp: number | string }
  const login = { address: wallet.address, signature, timestamp: Number(timestamp) }
  return (await call<{ token: string }>('/api/v1/auth/login', login)).token
}

interface Message {
  type: string
  data?: { token: string; available: string }
}

/** A socket that is subscribed, opened as a browser does it. */
async function subscribe(host: string, connectTo: string, token: string) {
  const url = new URL('/ws', connectTo.replace(/^http/, 'ws'))
  const socket = new WebSocket(url, ['bearer', token], { headers: { host } })
  const messages: Message[] = []
  socket.on('message', (data: Buffer) => messages.push(JSON.parse(String(data)) as Message))
  const received = async (isIt: (message: Message) => boolean): Promise<void> => {
    const signal = AbortSignal.timeout(PUSH_LIMIT_MS)
    try {
      while (!messages.some(isIt)) await once(socket, 'message', { signal })
    } catch (error) {
      const came = JSON.stringify(messages)
      throw new Error(`smoke: /ws said no more than ${came}`, { cause: error })
    }
  }
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'subscribe', channel: 'spot:user:balances' }))
  await received(({ type }) => type === 'subscribed')
  return { close: () => socket.close(), received }
}
