import * as z from 'zod/mini'
import { open } from './_lib/access/open.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { serve } from './_lib/http/serve.ts'

/** Nothing inline and nothing from elsewhere: the page holds credentials while it is open. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const answer = (text: string, contentType: string, headers: Record<string, string> = {}): Response =>
  new Response(text, { headers: { 'Content-Type': contentType, 'Cache-Control': 'no-cache', ...headers } })

// Loaded when asked for: the generator that writes these files imports this one.
const page = async () => (await import('./_lib/docs-page.json')).default

/** What somebody who writes a client from this must know before the first call. */
const READING = [
  '- [OpenAPI 3.1](/openapi.json): every field, error and example',
  '- [The same as a page](/docs), with calls to try',
  '',
  'Send amounts as JSON strings. Give each change an `Idempotency-Key`: after a 500, or no answer, nobody knows what was',
  'done, and the same request under the same key finds out without moving anything twice.',
  '',
]

export const openapi = endpoint({
  method: 'GET',
  path: '/openapi.json',
  atRoot: true,
  tag: 'Reference',
  summary: 'This document: OpenAPI 3.1',
  access: open,
  response: z.looseObject({}),
  handle: async () => {
    const document = (await import('./openapi.json')).default
    return answer(JSON.stringify(document), 'application/json')
  },
})

const docsPage = (path: string, hidden: { hidden?: true }) =>
  endpoint({
    method: 'GET',
    path,
    atRoot: true,
    tag: 'Reference',
    summary: 'API reference as a page, with calls to try',
    description: 'Loads nothing from other origins; credentials you type stay in the page’s memory.',
    access: open,
    docs: { contentType: 'text/html', ...hidden },
    handle: async () =>
      answer((await page()).html, 'text/html; charset=utf-8', { 'Content-Security-Policy': PAGE_POLICY }),
  })

export const docs = docsPage('/docs', {})
/** As many type it. */
export const docsWithSlash = docsPage('/docs/', { hidden: true })

export const llms = endpoint({
  method: 'GET',
  path: '/llms.txt',
  atRoot: true,
  tag: 'Reference',
  summary: 'What this API is, in a few lines of Markdown for programs that read',
  access: open,
  docs: { contentType: 'text/plain', hidden: true },
  handle: async () => {
    const { info, paths } = (await import('./openapi.json')).default
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods as Record<string, { summary: string }>).map(
        ([method, { summary }]) => `- ${method.toUpperCase()} ${path}: ${summary}`,
      ),
    )
    const lines = [`# ${info.title}`, '', `> ${info.description}`, '', ...READING, ...operations, '']
    return answer(lines.join('\n'), 'text/plain; charset=utf-8')
  },
})

const docsPart = (name: 'js' | 'css', contentType: string) =>
  endpoint({
    method: 'GET',
    path: `/docs/app.${name}`,
    atRoot: true,
    tag: 'Reference',
    summary: `The page’s ${name}`,
    access: open,
    docs: { contentType, hidden: true },
    handle: async () => answer((await page())[name], `${contentType}; charset=utf-8`),
  })

export const docsScript = docsPart('js', 'text/javascript')
export const docsStyle = docsPart('css', 'text/css')

export default serve('docs', openapi, docs, docsWithSlash, docsScript, docsStyle, llms)
