/** A person at a page: clicks and types as the browser sees it done, and reads what stands there. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { projectRoot } from '../../scripts/stack/manifest.ts'
import type { Page } from './chromium.ts'
import { until } from './until.ts'

const require = createRequire(import.meta.url)

export interface Person {
  page: Page
  /** How often something was clicked. */
  clicks(): number
  /** Clicks the first thing that can be clicked with this text, within what `inside` selects. */
  click(text: string, inside?: string): Promise<void>
  /** Types into the field with this label, in place of what was there. */
  type(label: string, text: string, inside?: string): Promise<void>
  choose(label: string, value: string, inside?: string): Promise<void>
  /** The text of the first element that the selector finds, undefined where there is none. */
  textOf(selector: string): Promise<string | undefined>
  /** Waits until it reads so. */
  sees(selector: string, text: string | RegExp): Promise<void>
  /** What axe finds wrong, one line for each. */
  faults(): Promise<string[]>
}

interface Box {
  x: number
  y: number
}

const quoted = (value: unknown): string => JSON.stringify(value)

export function personAt(page: Page): Person {
  let clicked = 0
  const boxOf = async (found: string, what: string): Promise<Box> =>
    await until(
      async () =>
        (await page.evaluate<Box | null>(`(() => {
          const element = ${found}
          if (!element || element.disabled || element.closest('fieldset:disabled')) return null
          element.scrollIntoView({ block: 'center', behavior: 'instant' })
          const { left, top, width, height } = element.getBoundingClientRect()
          return { x: left + width / 2, y: top + height / 2 }
        })()`)) ?? undefined,
      what,
    )
  const press = async ({ x, y }: Box, clickCount = 1) => {
    clicked += 1
    const mouse = { x, y, button: 'left', clickCount }
    await page.send('Input.dispatchMouseEvent', { type: 'mousePressed', ...mouse })
    await page.send('Input.dispatchMouseEvent', { type: 'mouseReleased', ...mouse })
  }
  const labelled = (label: string, inside: string) =>
    `[...document.querySelectorAll(${quoted(inside)} + ' label')].filter((one) => one.innerText.trim().startsWith(${quoted(label)})).map((one) => one.control)[0]`
  const textOf = async (selector: string) =>
    (await page.evaluate<string | null>(
      `document.querySelector(${quoted(selector)})?.innerText?.trim() ?? null`,
    )) ?? undefined
  return {
    page,
    clicks: () => clicked,
    async click(text, inside = 'body') {
      const found = `[...document.querySelector(${quoted(inside)})?.querySelectorAll('button, a') ?? []].find((one) => one.innerText.trim().startsWith(${quoted(text)}))`
      await press(await boxOf(found, `${text} to be there and open`))
    },
    async type(label, text, inside = 'body') {
      await press(await boxOf(labelled(label, inside), `the field ${label}`))
      await page.evaluate(`${labelled(label, inside)}.select()`)
      await page.send('Input.insertText', { text })
    },
    async choose(label, value, inside = 'body') {
      await boxOf(labelled(label, inside), `the choice ${label}`)
      clicked += 2
      await page.evaluate(`(() => {
        const element = ${labelled(label, inside)}
        element.value = ${quoted(value)}
        element.dispatchEvent(new Event('change', { bubbles: true }))
      })()`)
    },
    textOf,
    async sees(selector, text) {
      await until(
        async () => {
          const shown = await textOf(selector)
          return shown !== undefined && (typeof text === 'string' ? shown === text : text.test(shown))
        },
        `${selector} to read ${String(text)}`,
      )
    },
    async faults() {
      const source = await readFile(require.resolve('axe-core/axe.min.js'), 'utf8')
      await page.evaluate(`${source}; undefined`)
      return await page.evaluate<string[]>(
        `axe.run(document).then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map((node) => id + ': ' + node.html.slice(0, 200) + ' ' + node.failureSummary)))`,
      )
    },
  }
}

const PICTURE_HEIGHT_MAX = 6_000
const FOLDER = process.env['SCREENSHOTS'] ?? join(projectRoot, '.local/screenshots')

export async function look(page: Page, width: number, scheme: 'light' | 'dark'): Promise<void> {
  const isPhone = width < 600
  await page.send('Emulation.setDeviceMetricsOverride', {
    ...{ width, height: isPhone ? 844 : 1_000, deviceScaleFactor: isPhone ? 2 : 1, mobile: isPhone },
  })
  await page.send('Emulation.setEmulatedMedia', {
    features: [{ name: 'prefers-color-scheme', value: scheme }],
  })
}

/** Keeps the whole page as a picture, for people; of a long one what is seen of it. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  await mkdir(FOLDER, { recursive: true })
  const isShort = await page.evaluate<boolean>(
    `document.documentElement.scrollHeight < ${PICTURE_HEIGHT_MAX}`,
  )
  const { data } = await page.send('Page.captureScreenshot', {
    format: 'png',
    captureBeyondViewport: isShort,
  })
  await writeFile(join(FOLDER, `${name}.png`), Buffer.from(data as string, 'base64'))
}

/** Keeps what was measured beside the pictures. Nothing is asserted of it: how fast this machine is now says nothing of the page. */
export async function keepFigures(figures: Record<string, number>): Promise<void> {
  await mkdir(FOLDER, { recursive: true })
  await writeFile(join(FOLDER, 'figures.json'), JSON.stringify(figures, null, 2) + '\n')
}
