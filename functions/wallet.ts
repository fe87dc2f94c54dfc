import { open } from './_lib/access/open.ts'
import { endpoint } from './_lib/http/endpoint.ts'
import { serve } from './_lib/http/serve.ts'
import { walletPageEnv } from './_lib/env.ts'
import { ApiError } from './_lib/errors.ts'

/** Nothing inline and nothing from elsewhere: the page holds a session while it is open. Wallets bring their icons as data. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** Anybody, where somebody wants the page: it moves money, so without that there is none. */
const whereWanted: typeof open = {
  ...open,
  env: walletPageEnv,
  gate: ({ PLAYGROUND }) => {
    if (PLAYGROUND !== 'true') throw new ApiError('NOT_FOUND', 'there is no such route')
  },
}

// Loaded when asked for: the generator that writes this file imports this one.
const page = async () => (await import('./_lib/wallet-page.json')).default

const answer = (text: string, contentType: string, headers: Record<string, string> = {}): Response =>
  new Response(text, {
    headers: { 'Content-Type': `${contentType}; charset=utf-8`, 'Cache-Control': 'no-cache', ...headers },
  })

export const wallet = endpoint({
  method: 'GET',
  path: '/',
  atRoot: true,
  tag: 'Reference',
  summary: 'The wallet as a page',
  description:
    'Signs in with a wallet and does what the API does: balances, transfers, withdrawals, history. It is there only where ' +
    '`PLAYGROUND` is exactly `true`, as on a local stack.',
  access: whereWanted,
  docs: { contentType: 'text/html' },
  handle: async () => answer((await page()).html, 'text/html', { 'Content-Security-Policy': PAGE_POLICY }),
})

const walletPart = (name: 'js' | 'css', contentType: string) =>
  endpoint({
    method: 'GET',
    path: `/page/app.${name}`,
    atRoot: true,
    tag: 'Reference',
    summary: `The wallet page’s ${name}`,
    access: whereWanted,
    docs: { contentType, hidden: true },
    handle: async () => answer((await page())[name], contentType),
  })

export const walletScript = walletPart('js', 'text/javascript')
export const walletStyle = walletPart('css', 'text/css')

export default serve('wallet', wallet, walletScript, walletStyle)
