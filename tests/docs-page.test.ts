import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM, openPage, type Page } from './support/chromium.ts'
import { clientOf } from './support/client.ts'
import { keepPicture, look, personAt, type Person } from './support/page-driver.ts'
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

  test('is there with a slash behind it too, and programs that read find their way', async () => {
    const [page, same] = await Promise.all(
      ['/docs', '/docs/'].map(async (path) => await fetch(origin + path)),
    )
    expect([same?.status, await same?.text()]).toEqual([200, await page?.text()])
    const text = await (await fetch(`${origin}/llms.txt`)).text()
    expect(text).toMatch(/^# Tidegate\n/)
    expect(text).toContain('- POST /api/v1/spot/transfer: ')
  })
})

// Named in the report when it is skipped: `apt-get install chromium` lets it run.
describe.skipIf(!CHROMIUM)(
  `the page in a browser${CHROMIUM ? '' : ' (SKIPPED: no /usr/bin/chromium)'}`,
  () => {
    let page: Page
    let person: Person
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
      person = personAt(page)
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

    test('the call that Execute sends is shown as code, with what was typed, in three languages', async () => {
      const { token } = await client.newAccount({ USDT: '10000' })
      await fill('bearer', token)
      await press('postSpotTransfer')
      await resultOf('postSpotTransfer')
      const sample = `${inCard('postSpotTransfer', "'.samples pre'")}.innerText`
      const body = await page.evaluate<string>(`${inCard('postSpotTransfer', "'textarea'")}.value`)
      expect(await page.evaluate<string>(sample)).toBe(
        `curl -X POST '${origin}/api/v1/spot/transfer' \\\n  -H 'Authorization: Bearer ${token}' \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'`,
      )
      for (const [language, begin] of [
        ['TypeScript', /^const response = await fetch\("http/],
        ['Python', /^import urllib\.request\n/],
      ] as const) {
        await person.click(language, '#postSpotTransfer .languages')
        await person.sees('#postSpotTransfer .samples pre', begin)
        expect(await page.evaluate<string>(sample)).toContain(`Bearer ${token}`)
      }
    })

    test('a search leaves what has all of its words', async () => {
      const shown = async () =>
        await page.evaluate<string[]>(
          "[...document.querySelectorAll('main section[id]')].filter((one) => !one.hidden).map((one) => one.id)",
        )
      await person.type('Search', 'post amount_non_positive')
      await until(async () => (await shown()).length < 6, 'the search')
      expect((await shown()).sort()).toEqual([
        'postAdminSpotBalancesCredit',
        'postSpotTransfer',
        'postSpotWithdrawRequest',
      ])
      await person.type('Search', 'no such word')
      await person.sees('main [role=status]', /^Nothing has/)
      await page.evaluate(`document.querySelector('input[type=search]').select()`)
      await page.send('Input.dispatchKeyEvent', {
        type: 'keyDown',
        key: 'Backspace',
        windowsVirtualKeyCode: 8,
      })
      await until(async () => (await shown()).length > 20, 'everything again')
    })

    test.each(['light', 'dark'] as const)(
      'axe finds nothing on a desk or a phone, and nothing is wider than either, %s',
      async (scheme) => {
        await page.evaluate(`document.querySelectorAll('details').forEach((one) => (one.open = true))`)
        for (const width of [1440, 390]) {
          await look(page, width, scheme)
          expect(await person.faults()).toEqual([])
          expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(
            width,
          )
        }
        await page.evaluate(`document.querySelectorAll('details').forEach((one) => (one.open = false))`)
        for (const width of [1440, 390]) {
          await look(page, width, scheme)
          await page.evaluate(`document.getElementById('postSpotTransfer').scrollIntoView()`)
          await keepPicture(page, `docs-${width}-${scheme}`)
        }
      },
    )

    test('no request left this origin, and the policy had nothing to refuse', async () => {
      expect(page.requested.length).toBeGreaterThan(6)
      const elsewhere = page.requested.filter((url) => {
        const { protocol, host } = new URL(url)
        return protocol !== 'data:' && host !== new URL(origin).host
      })
      expect(elsewhere).toEqual([])
      expect(page.complaints.filter((text) => !text.includes('401'))).toEqual([])
    })
  },
)
