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

export const docs = endpoint({
  method: 'GET',
  path: '/docs',
  atRoot: true,
  tag: 'Reference',
  summary: 'API reference as a page, with calls to try',
  description: 'Loads nothing from other origins; credentials you type stay in the page’s memory.',
  access: open,
  docs: { contentType: 'text/html' },
  handle: async () =>
    answer((await page()).html, 'text/html; charset=utf-8', { 'Content-Security-Policy': PAGE_POLICY }),
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

export default serve('docs', openapi, docs, docsScript, docsStyle)
