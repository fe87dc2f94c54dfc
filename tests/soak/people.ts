/** The accounts of a soak: each with a session, a subaccount, a balance in the ledger, and a purse on chain. */
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts'
import { issueSession } from '../../functions/_lib/access/session-token.ts'
import { localSecrets } from '../../scripts/stack/manifest.ts'
import { privateKeyOf, uuidFrom, type Random } from './random.ts'
import { open, post, settled, signed, type Asking } from './requests.ts'
import type { Vault } from './vault.ts'

export interface Person {
  wallet: PrivateKeyAccount
  account: string
  token: string
  sub: PrivateKeyAccount
}

const SESSION_SECONDS = 86_400

/** Nothing is at fault yet. */
export async function newPeople(
  asking: Asking,
  vault: Vault,
  folder: string,
  { seed, people, random }: { seed: number; people: number; random: Random },
): Promise<Person[]> {
  const { jwtSecret } = await localSecrets(folder)
  const now = Math.floor(Date.now() / 1000)
  const settings = { JWT_SECRET: jwtSecret, JWT_TTL_SECONDS: SESSION_SECONDS }
  const list: Person[] = []
  for (let index = 0; index < people; index += 1) {
    const wallet = privateKeyToAccount(privateKeyOf(seed, `person ${index}`))
    const sub = privateKeyToAccount(privateKeyOf(seed, `subaccount ${index}`))
    const account = wallet.address.toLowerCase()
    const { token } = await issueSession(settings, account, now)
    list.push({ wallet, account, token, sub })
  }
  const purses = list.map(async ({ wallet }) => await vault.endow(wallet))
  for (const person of list) {
    await createSubaccount(asking, person)
    for (const symbol of ['USDT', 'DF'])
      await credit(asking, person, { token: symbol, amount: '1000', key: uuidFrom(random) })
  }
  await Promise.all(purses)
  return list
}

export async function credit(
  asking: Asking,
  { account }: Person,
  { token, amount, key }: { token: string; amount: string; key: string },
): Promise<void> {
  const entry = open(asking, 'credit', { scope: 'admin', account, token, amount, key })
  await settled(asking, entry, '/admin/spot/balances/credit', () => ({
    headers: { 'X-API-Key': asking.stack.manifest.adminApiKey, 'Idempotency-Key': key },
    body: { user_address: account, token, amount },
  }))
}

async function createSubaccount(asking: Asking, { wallet, sub }: Person): Promise<void> {
  const timestamp = Date.now()
  const bySub = await signed(sub, 'subaccount_initiate', { account: wallet.address }, timestamp)
  const byMain = await signed(wallet, 'subaccount_confirm', { signature: bySub.signature }, timestamp)
  const body = {
    main_account: wallet.address,
    subaccount: sub.address,
    main_signature: byMain.signature,
    sub_signature: bySub.signature,
    timestamp,
    expiry_window: byMain.expiry_window,
  }
  const { status, text } = await post(asking, '/account/subaccount/create', { headers: {}, body })
  if (status !== 200) throw new Error(`no subaccount was made: ${text}`)
}
