/** The wallet page in a real browser, at a stack as a person runs it: the whole way of money, by clicks. */
import { createPublicClient, http, parseAbi, type Address } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM } from './support/chromium.ts'
import { injectWallet, type InjectedWallet } from './support/injected-wallet.ts'
import { keepFigures, keepPicture, look, type Person } from './support/page-driver.ts'
import { until } from './support/until.ts'
import { signInAs, visit, walletStack, type WalletStack } from './support/wallet-stack.ts'

const JOBS = '.jobs'
const OPEN = '.withdrawal.open'
const spot = (token: string) => `[data-balance="spot ${token}"]`
const frozen = (token: string) => `[data-balance="frozen ${token}"]`
const perp = (token: string) => `[data-balance="perp ${token}"]`

// Named in the report when it is skipped: `apt-get install chromium` lets it run.
describe.skipIf(!CHROMIUM)(
  `the wallet page${CHROMIUM ? '' : ' (SKIPPED: no /usr/bin/chromium)'}`,
  { timeout: 240_000 },
  () => {
    let at: WalletStack
    const people: Person[] = []
    const come = async (...given: Parameters<typeof visit> extends [string, ...infer R] ? R : never) => {
      const person = await visit(at.origin, ...given)
      people.push(person)
      return person
    }
    const heldOnChain = async (account: string) => {
      const { rpcUrl, tokens } = at.stack.manifest
      return await createPublicClient({ transport: http(rpcUrl) }).readContract({
        address: tokens['DF']?.address as Address,
        abi: parseAbi(['function balanceOf(address) view returns (uint256)']),
        functionName: 'balanceOf',
        args: [account as Address],
      })
    }
    const credit = async (person: Person, token: string, amount: string) => {
      await person.click('Credit', `${JOBS} .tabs`)
      await person.choose('Token', token, JOBS)
      await person.type('Amount', amount, JOBS)
      await person.click('Credit', `${JOBS} form`)
      await person.sees(`${JOBS} .told.good`, /credited to spot/)
    }
    const withdraw = async (person: Person, amount: string) => {
      await person.click('Withdraw', `${JOBS} .tabs`)
      await person.type('Amount', amount, JOBS)
      await person.click('Reserve and sign', JOBS)
      await person.sees(`${OPEN}[data-step=signed] .what b`, `${amount} DF`)
    }
    const stepOf = async (person: Person) =>
      await person.page.evaluate<string | null>(`document.querySelector('.withdrawal')?.dataset.step ?? null`)
    const reaches = async (person: Person, step: string) =>
      await until(async () => (await stepOf(person)) === step, `the newest withdrawal to be ${step}`)

    beforeAll(async () => {
      at = await walletStack()
    })
    afterAll(async () => {
      for (const person of people) await person.page.close()
      await at?.stop()
    })

    describe('with a development account', () => {
      let me: Person
      let account: string
      beforeAll(async () => {
        me = await come()
        account = at.stack.manifest.accounts[0]?.address.toLowerCase() ?? ''
        await keepPicture(me.page, 'door-1280-light')
        await signInAs(me, 'Account 1')
      })

      test('a person credits, transfers, withdraws, sends to the vault, settles and sees it confirmed', async () => {
        const before = await heldOnChain(account)
        const startedAt = performance.now()
        await credit(me, 'DF', '1000')
        await me.sees(spot('DF'), '1,000')
        await credit(me, 'USDT', '500.25')
        await me.sees(spot('USDT'), '500.25')
        await me.click('Transfer', `${JOBS} .tabs`)
        await me.type('Amount', '100', JOBS)
        await me.click('Transfer', `${JOBS} form`)
        await me.sees(perp('USDT'), '100')
        await me.sees(spot('USDT'), '400.25')
        await withdraw(me, '40')
        await me.sees(frozen('DF'), '40')
        await me.click('Send to vault', OPEN)
        await reaches(me, 'mined')
        await me.click('Mine 2 blocks', OPEN)
        await me.click('Settle now', OPEN)
        await reaches(me, 'confirmed')
        await me.sees(frozen('DF'), '0')
        await me.sees(spot('DF'), '960')
        expect((await heldOnChain(account)) - before).toBe(40n * 10n ** 18n)
        expect(await at.client.balancesOf(account)).toEqual({
          'perp USDT': '100',
          'spot DF': '960',
          'spot USDT': '400.25',
        })
        await keepFigures({
          'first paint, ms': await me.page.evaluate<number>(
            `Math.round(performance.getEntriesByName('first-contentful-paint')[0].startTime)`,
          ),
          'clicks to the first confirmed withdrawal': me.clicks(),
          'seconds of it': Math.round((performance.now() - startedAt) / 1000),
        })
      })

      test('history shows each change once, and a filter leaves only its own', async () => {
        const rows = '.history-table tbody tr'
        const count = async () =>
          await me.page.evaluate<number>(`document.querySelectorAll('${rows}').length`)
        // Two credits, a transfer of two sides, a reservation and its payment.
        await until(async () => (await count()) === 6, 'six changes')
        await me.choose('Wallet', 'perp', '.history')
        await until(async () => (await count()) === 1, 'the one change of perp margin')
        await me.sees(`${rows} .delta`, '+100 USDT')
        await me.choose('Wallet', '', '.history')
        await me.choose('Kind', 'withdraw_confirm', '.history')
        await me.sees(`${rows} .kind`, 'Withdrawal paid')
        await me.choose('Kind', '', '.history')
        await me.sees('.picture .reading', /^960 DF after withdraw confirm/)
      })

      test('what cannot be done cannot be sent: each amount says why, and the button stays shut', async () => {
        const isShut = `document.querySelector('${JOBS} form button[type=submit]').disabled`
        const why = async (amount: string) => {
          await me.type('Amount', amount, JOBS)
          await until(async () => await me.page.evaluate<boolean>(isShut), `${amount} to be refused`)
          return await me.textOf(`${JOBS} small.problem`)
        }
        await me.click('Withdraw', `${JOBS} .tabs`)
        expect(await why('960.000000000000000001')).toBe('Only 960 DF is available.')
        expect(await why('0.5')).toBe('At least 1 DF.')
        expect(await why('0')).toBe('The amount must be more than zero.')
        expect(await why('1e3')).toMatch(/^Digits with at most 18 decimals/)
        expect(await why('1,5')).toMatch(/^Digits/)
        await me.click('Transfer', `${JOBS} .tabs`)
        expect(await why('0.0000001')).toMatch(/^Digits with at most 6 decimals/)
        expect(await at.client.balancesOf(account)).toMatchObject({ 'spot DF': '960' })
      })

      test('a subaccount is made, gets money by the agent, and gives it back by its own key', async () => {
        await me.click('Subaccount', `${JOBS} .tabs`)
        await me.click('Unlock subaccounts', JOBS)
        await me.click('Create a subaccount', JOBS)
        await me.type('Amount', '10', JOBS)
        await me.click('Move to subaccount', JOBS)
        await me.sees('[data-balance="sub spot DF"]', '10')
        await me.sees(spot('DF'), '950')
        await me.click('Back to main', JOBS)
        await me.type('Amount', '4', JOBS)
        await me.click('Move back', JOBS)
        await me.sees('[data-balance="sub spot DF"]', '6')
        await me.sees(spot('DF'), '954')
      })

      test('a socket that was lost comes back by itself and shows what moved meanwhile', async () => {
        await me.page.send('Network.setBlockedURLs', { urls: ['ws://*'] })
        await at.stack.restartGateway()
        await me.sees('[data-stream]', 'Reconnecting')
        await at.client.credit(account, 'SOL', '7')
        await at.client.credit(account, 'DF', '1')
        expect(await me.textOf(spot('DF'))).toBe('954')
        await me.page.send('Network.setBlockedURLs', { urls: [] })
        await me.sees('[data-stream]', 'Live')
        await me.sees(spot('SOL'), '7')
        await me.sees(spot('DF'), '955')
        await me.sees('.history-table tbody .delta', '+1 DF')
      })

      test('a push moves nothing on the page but the number that changed', async () => {
        await me.page.evaluate(
          `window.__shifts = []; new PerformanceObserver((list) => __shifts.push(...list.getEntries().map((one) => one.value))).observe({ type: 'layout-shift' }); undefined`,
        )
        await me.page.evaluate(`window.scrollTo(0, 0)`)
        await at.client.credit(account, 'DF', '45')
        await me.sees(spot('DF'), '1,000')
        await me.page.evaluate(
          `new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))`,
        )
        expect(await me.page.evaluate<number[]>(`__shifts`)).toEqual([])
      })

      test.each(['light', 'dark'] as const)(
        'axe finds nothing on any view, on a desk or a phone, %s',
        async (scheme) => {
          for (const width of [1440, 390]) {
            await look(me.page, width, scheme)
            expect(
              await me.page.evaluate<number>(`document.documentElement.scrollWidth`),
            ).toBeLessThanOrEqual(width)
            expect(await me.faults()).toEqual([])
            await keepPicture(me.page, `wallet-${width}-${scheme}`)
            await me.click('Operator', 'nav')
            await me.sees('.operator .head h2', 'Solvency')
            await me.sees('.operator .bars b', /\S/)
            expect(await me.faults()).toEqual([])
            expect(
              await me.page.evaluate<number>(`document.documentElement.scrollWidth`),
            ).toBeLessThanOrEqual(width)
            await keepPicture(me.page, `operator-${width}-${scheme}`)
            await me.click('Wallet', 'nav')
            await me.sees(spot('DF'), '1,000')
          }
        },
      )

      test('the operator pauses withdrawals, a request is refused in words, and they go on again', async () => {
        await look(me.page, 1280, 'light')
        await me.click('Operator', 'nav')
        await me.type('Why', 'a look at the vault', JOBS)
        await me.click('Pause withdrawals', JOBS)
        await me.sees(`${JOBS} .told`, /^Paused: operator: a look at the vault/)
        await me.click('Wallet', 'nav')
        await me.click('Withdraw', `${JOBS} .tabs`)
        await me.type('Amount', '5', JOBS)
        await me.click('Reserve and sign', JOBS)
        await me.sees(`${JOBS} .told.bad`, /paused.*503 WITHDRAWALS_PAUSED/s)
        await me.click('Operator', 'nav')
        await me.type('Why', 'looked', JOBS)
        await me.click('Let withdrawals go on', JOBS)
        await me.sees(`${JOBS} .told`, /^Open/)
        await me.click('Wallet', 'nav')
        await me.sees(spot('DF'), '1,000')
      })
    })

    describe('with a wallet of the browser', () => {
      let me: Person
      let wallet: InjectedWallet
      const key = generatePrivateKey()
      const account = privateKeyToAccount(key).address.toLowerCase()
      beforeAll(async () => {
        const { rpcUrl } = at.stack.manifest
        await fetch(rpcUrl, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({
            jsonrpc: '2.0',
            id: 1,
            method: 'anvil_setBalance',
            params: [account, '0xde0b6b3a7640000'],
          }),
        })
        me = await come(async (page) => {
          wallet = await injectWallet(page, key, rpcUrl)
        })
      })

      test('who refuses to sign is told so and is not signed in', async () => {
        wallet.refuseNext('eth_signTypedData_v4')
        await me.click('Test Wallet', '.doors')
        await me.sees('.told.bad p', /rejected/i)
        expect(await me.textOf('[data-stream]')).toBeUndefined()
      })

      test('the same way: sign in, credit, withdraw, send to the vault, confirmed', async () => {
        await signInAs(me, 'Test Wallet')
        await credit(me, 'DF', '20')
        await withdraw(me, '12.5')
        wallet.refuseNext('eth_sendTransaction')
        await me.click('Send to vault', OPEN)
        await me.sees(`${OPEN} .told.bad p`, /rejected/i)
        await me.click('Send to vault', OPEN)
        await reaches(me, 'mined')
        await me.click('Mine 2 blocks', OPEN)
        await me.click('Settle now', OPEN)
        await reaches(me, 'confirmed')
        expect(await heldOnChain(account)).toBe(125n * 10n ** 17n)
        expect(await at.client.balancesOf(account)).toEqual({ 'spot DF': '7.5' })
        expect(wallet.asked.filter((method) => /^eth_send|sign/.test(method))).toEqual([
          'eth_signTypedData_v4',
          'eth_signTypedData_v4',
          // One no is a no: it is not asked again by itself.
          'eth_sendTransaction',
          'eth_sendTransaction',
        ])
      })

      test('a wallet that turns to another account ends what this page shows', async () => {
        await me.page.evaluate(`__turnWallet(['0x70997970C51812dc3A010C7d01b50e0d17dc79C8'])`)
        await me.sees('.doors .told', /turned to another account/)
        expect(await me.textOf(spot('DF'))).toBeUndefined()
      })
    })

    test('a Solana account signs in, and is told that a withdrawal needs an EVM account', async () => {
      const me = await come()
      await signInAs(me, 'Solana 1')
      await credit(me, 'SOL', '3')
      await me.sees(spot('SOL'), '3')
      await me.click('Withdraw', `${JOBS} .tabs`)
      await me.sees(`${JOBS} .why`, /EVM account/)
    })

    test.each(['light', 'dark'] as const)('axe finds nothing at the door, %s', async (scheme) => {
      const me = await come()
      for (const width of [1440, 390]) {
        await look(me.page, width, scheme)
        await me.sees('.wallets b', 'Account 1')
        expect(await me.faults()).toEqual([])
        expect(await me.page.evaluate<number>(`document.documentElement.scrollWidth`)).toBeLessThanOrEqual(
          width,
        )
        await keepPicture(me.page, `door-${width}-${scheme}`)
      }
    })

    test('a withdrawal that nobody sends counts down, is late after an hour, and comes back', async () => {
      const me = await come()
      await signInAs(me, 'Account 2')
      await credit(me, 'DF', '30')
      await withdraw(me, '25')
      await me.sees(
        `${OPEN} .next p`,
        /^Signed\. The vault pays it to you for another (1:00:00|59:\d\d|[1-5]?\d:\d\d)/,
      )
      await look(me.page, 390, 'light')
      await keepPicture(me.page, 'withdrawal-390-light')
      await me.click('One hour later', OPEN)
      await reaches(me, 'late')
      await me.click('Settle now', OPEN)
      await reaches(me, 'expired')
      await me.sees(spot('DF'), '30')
      expect(await at.client.balancesOf(at.stack.manifest.accounts[1]?.address.toLowerCase() ?? '')).toEqual({
        'spot DF': '30',
      })
    })

    test('no page asked another origin for anything, and no policy had anything to refuse', () => {
      expect(people.length).toBeGreaterThan(4)
      for (const { page } of people) {
        const elsewhere = page.requested.filter((url) => {
          const { protocol, host } = new URL(url)
          return protocol !== 'data:' && host !== new URL(at.origin).host
        })
        expect(elsewhere).toEqual([])
        // What a test has provoked: an agent that is not bound yet, a pause, a gateway that was away, a socket kept out.
        expect(page.complaints.filter((text) => !/status of (400|50\d)|WebSocket|ERR_/.test(text))).toEqual(
          [],
        )
      }
    })
  },
)
