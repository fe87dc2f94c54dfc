/** A wallet of the browser (EIP-1193, announced by EIP-6963) that a key in the test stands behind. */
import { createWalletClient, http, type Hex, type TypedDataDefinition } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { Page } from './chromium.ts'

export interface InjectedWallet {
  address: string
  /** What the page has asked it for. */
  asked: string[]
  /** Refuses the next request of this name, as a person would. */
  refuseNext(method: string): void
}

const BINDING = 'walletAsked'
/** What a page finds: requests go to the test by a binding, and answers come back by id. */
const PROVIDER = `{
  const waiting = new Map(), listeners = {}
  let last = 0
  const provider = {
    request: (asked) => new Promise((resolve, reject) => {
      last += 1
      waiting.set(last, { resolve, reject })
      ${BINDING}(JSON.stringify({ id: last, ...asked }))
    }),
    on: (name, listener) => void (listeners[name] ??= []).push(listener),
    removeListener: (name, listener) => { listeners[name] = (listeners[name] ?? []).filter((one) => one !== listener) },
  }
  window.__answerWallet = (id, { result, error }) => {
    const { resolve, reject } = waiting.get(id)
    waiting.delete(id)
    if (error) reject(Object.assign(new Error(error.message), error))
    else resolve(result)
  }
  window.__turnWallet = (accounts) => (listeners.accountsChanged ?? []).forEach((listener) => listener(accounts))
  const info = { uuid: '350670db-19fa-4704-a166-e52e178b59d2', name: 'Test Wallet', rdns: 'example.wallet',
    icon: "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Crect width='8' height='8' rx='2' fill='%236b4fbb'/%3E%3C/svg%3E" }
  const announce = () => window.dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail: Object.freeze({ info, provider }) }))
  window.addEventListener('eip6963:requestProvider', announce)
  announce()
}`

export async function injectWallet(page: Page, key: Hex, rpcUrl: string): Promise<InjectedWallet> {
  const account = privateKeyToAccount(key)
  const chain = createWalletClient({ account, transport: http(rpcUrl) })
  const asked: string[] = []
  let refused: string | undefined
  const answer = async (method: string, params: unknown[]): Promise<unknown> => {
    if (method === refused) {
      refused = undefined
      throw Object.assign(new Error('User rejected the request.'), { code: 4001 })
    }
    switch (method) {
      case 'eth_requestAccounts':
      case 'eth_accounts':
        return [account.address]
      case 'personal_sign':
        return await account.signMessage({ message: { raw: params[0] as Hex } })
      case 'eth_signTypedData_v4':
        return await account.signTypedData(JSON.parse(params[1] as string) as TypedDataDefinition)
      case 'eth_sendTransaction': {
        const [{ to, data }] = params as [{ to: Hex; data: Hex }]
        return await chain.sendTransaction({ to, data, chain: null })
      }
      default:
        return await chain.request({ method, params } as never)
    }
  }
  page.onBinding(BINDING, (payload) => {
    const {
      id,
      method,
      params = [],
    } = JSON.parse(payload) as {
      id: number
      method: string
      params?: unknown[]
    }
    asked.push(method)
    void answer(method, params)
      .then((result) => ({ result }))
      .catch(({ message, code = -32_603 }: Error & { code?: number }) => ({ error: { message, code } }))
      .then(async (told) => await page.evaluate(`__answerWallet(${id}, ${JSON.stringify(told)})`))
  })
  await page.send('Runtime.addBinding', { name: BINDING })
  await page.send('Page.addScriptToEvaluateOnNewDocument', { source: PROVIDER })
  return {
    address: account.address,
    asked,
    refuseNext(method) {
      refused = method
    },
  }
}
