/** A stack as `npm run dev` runs it, with the wallet page and its playground, and a browser at it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { startStack, type Stack } from '../../scripts/stack/stack.ts'
import { openPage, type Page } from './chromium.ts'
import { clientOf, type Client } from './client.ts'
import { personAt, type Person } from './page-driver.ts'

export interface WalletStack {
  stack: Stack
  client: Client
  origin: string
  stop(): Promise<void>
}

export async function walletStack(): Promise<WalletStack> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-wallet-'))
  const stack = await startStack({ folder, port: 0, fleeting: { copyOf: inject('seed') } })
  return {
    stack,
    client: clientOf(stack.manifest, folder),
    origin: new URL(stack.manifest.baseUrl).origin,
    async stop() {
      await stack.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Opens the page as somebody who comes to it anew. @param before is done in the browser first */
export async function visit(origin: string, before?: (page: Page) => Promise<void>): Promise<Person> {
  const page = await openPage()
  await before?.(page)
  await page.send('Page.navigate', { url: `${origin}/` })
  const person = personAt(page)
  await person.sees('.door h1', /\S/)
  return person
}

/** Signs in with a development account, by its name on the page. */
export async function signInAs(person: Person, name: string): Promise<void> {
  await person.click(name, '.doors')
  await person.sees('[data-stream]', 'Live')
}
