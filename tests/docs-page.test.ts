import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM, openPage, type Page } from './support/chromium.ts'
import { clientOf } from './support/client.ts'
import { until } from './support/until.ts'

const client = clientOf()
const origin = client.manifest.baseUrl.replace('/api/v1', '')

describe('what is served', () => {
  test('the page allows nothing inline and nothing from another origin, and fits in 60 KB', async () => {
    const answers = await Promise.all(
      ['/docs', '/docs/app.js', '/docs/app.css'].map(async (path) => await fetch(origin + path)),
    )
    const texts = await Promise.all(answers.map(async (answer) => await answer.text()))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(answers.map(({ headers }) => headers.get('content-type')?.split(';')[0])).toEqual([
      'text/html',
      'text/javascript',
      'text/css',
    ])
    const policy = answers[0]?.headers.get('content-security-policy')
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
    expect(policy).not.toMatch(/unsafe|https?:|\*/)
    expect(texts[0]).not.toMatch(/<script>|<style|style=|onclick=|https?:\/\//)
    expect(texts.join('').length).toBeLessThan(60_000)
  })
})

// Named in the report when it is skipped: `apt-get install chromium` lets it run.
describe.skipIf(!CHROMIUM)(
  `the page in a browser${CHROMIUM ? '' : ' (SKIPPED: no /usr/bin/chromium)'}`,
  () => {
    let page: Page
    const inCard = (id: string, rest: string) => `document.getElementById('${id}').querySelector(${rest})`
    const fill = async (id: string, value: string) =>
      await page.evaluate(`document.getElementById('${id}').value = ${JSON.stringify(value)}`)
    const press = async (id: string) => {
      await page.evaluate(`${inCard(id, "'[data-try]'")}.open = true`)
      await page.evaluate(`${inCard(id, "'[data-try] button'")}.click()`)
    }
    const resultOf = async (id: string) =>
      await until(
        async () => await page.evaluate<string | null>(`${inCard(id, "'[data-result]'")}?.innerText ?? null`),
        `the result of ${id}`,
      )

    beforeAll(async () => {
      page = await openPage()
      await page.send('Page.navigate', { url: `${origin}/docs` })
      await until(
        async () => await page.evaluate<boolean>("document.querySelector('main [data-try]') !== null"),
        'the page to be drawn',
      )
    })
    afterAll(async () => await page?.close())

    test('shows every operation of the document', async () => {
      const document = (await (await fetch(`${origin}/openapi.json`)).json()) as {
        paths: Record<string, Record<string, { operationId: string }>>
      }
      const ids = Object.values(document.paths).flatMap((path) =>
        Object.values(path).map((one) => one.operationId),
      )
      const shown = await page.evaluate<string[]>(
        "[...document.querySelectorAll('main section[id]')].map((one) => one.id)",
      )
      expect(shown).toEqual(expect.arrayContaining(ids))
    })

    test('without a credential a private call is answered 401, with a bearer token it reads the balances', async () => {
      const { token } = await client.newAccount({ USDT: '12.5' })
      await press('getSpotBalances')
      expect(await resultOf('getSpotBalances')).toMatch(/^401/)
      await fill('bearer', token)
      await press('getSpotBalances')
      await until(async () => (await resultOf('getSpotBalances')).startsWith('200'), 'the answer')
      expect(await resultOf('getSpotBalances')).toContain('"available": "12.5"')
      expect(await page.evaluate<string>(inCard('getSpotBalances', "'[data-try]'") + '.innerText')).toContain(
        'x-request-id:',
      )
    })

    test('a body edited in the page is what is sent, and the stream shows its push', async () => {
      const { token, account } = await client.newAccount({ USDT: '5' })
      await fill('bearer', token)
      await press('getWs')
      const lines = async () =>
        await page.evaluate<string>(`${inCard('getWs', "'[data-try] pre'")}?.innerText ?? ''`)
      await until(async () => (await lines()).includes('"available":"5"'), 'the snapshot')
      const body = JSON.stringify({ token: 'USDT', direction: 'spot_to_perp', amount: '2' })
      await page.evaluate(`${inCard('postSpotTransfer', "'textarea'")}.value = ${JSON.stringify(body)}`)
      await press('postSpotTransfer')
      expect(await resultOf('postSpotTransfer')).toMatch(/^200/)
      await until(async () => (await lines()).includes('"available":"3"'), 'the push')
      expect(await client.balancesOf(account)).toEqual({ 'perp USDT': '2', 'spot USDT': '3' })
    })

    test('the admin key is used for the faucet alone, and no credential is stored', async () => {
      const { account, token } = await client.newAccount()
      await fill('bearer', token)
      await fill('admin-key', client.manifest.adminApiKey)
      const body = JSON.stringify({ user_address: account, token: 'DF', amount: '3' })
      await page.evaluate(
        `${inCard('postAdminSpotBalancesCredit', "'textarea'")}.value = ${JSON.stringify(body)}`,
      )
      await press('postAdminSpotBalancesCredit')
      expect(await resultOf('postAdminSpotBalancesCredit')).toContain('"ok": true')
      expect(
        await page.evaluate<string>('JSON.stringify([localStorage, sessionStorage, document.cookie])'),
      ).toBe('[{},{},""]')
    })

    test('no request left this origin, and the policy had nothing to refuse', async () => {
      expect(page.requested.length).toBeGreaterThan(6)
      const elsewhere = page.requested.filter((url) => {
        const { protocol, host } = new URL(url)
        return protocol !== 'data:' && host !== new URL(origin).host
      })
      expect(elsewhere).toEqual([])
      expect(page.complaints.filter((text) => !text.includes('401'))).toEqual([])
      const folder = process.env['SCREENSHOTS']
      if (folder)
        for (const scheme of ['light', 'dark']) await screenshot(page, `${folder}/docs-${scheme}.png`, scheme)
    })
  },
)

/** For people: `SCREENSHOTS=/tmp npx vitest run … tests/docs-page.test.ts`. */
async function screenshot(page: Page, file: string, scheme: string): Promise<void> {
  await page.send('Emulation.setEmulatedMedia', {
    features: [{ name: 'prefers-color-scheme', value: scheme }],
  })
  await page.evaluate(
    `window.scrollTo(0, ${scheme === 'light' ? '0' : "document.getElementById('postSpotTransfer').offsetTop"})`,
  )
  const { data } = await page.send('Page.captureScreenshot', { format: 'png' })
  await writeFile(file, Buffer.from(data as string, 'base64'))
}
