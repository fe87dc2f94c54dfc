/** What `npm run dev` says: plain text, with colour where the terminal has it. */
import { styleText } from 'node:util'
import type { Answered } from './edge.ts'
import type { Given } from './shell.ts'
import type { Manifest } from './manifest.ts'

type Style = Parameters<typeof styleText>[0]
/** Follows NO_COLOR, FORCE_COLOR and whether standard output is a terminal. */
export type Paint = (style: Style, text: string) => string

export const paint: Paint = (style, text) => styleText(style, text, { stream: process.stdout })

const FAILED = 500
const REFUSED = 400

/** What the edge itself is asked: the cron, and the wallet page's looks at the chain. */
const OF_THE_EDGE = /^\/(?:cdn-cgi\/|playground[./])/

/** `POST /api/v1/spot/transfer 200 12 ms 6f1c…`. What the edge itself is asked is told when it fails. */
export function requestLine(
  { method, path, status, ms, requestId }: Answered,
  color: Paint = paint,
): string | undefined {
  if (OF_THE_EDGE.test(path) && status !== undefined && status < REFUSED) return undefined
  const style = status === undefined || status >= FAILED ? 'red' : status >= REFUSED ? 'yellow' : 'green'
  const shown = color(style, status === undefined ? 'left' : String(status))
  return `${method} ${path} ${shown} ${color('dim', `${ms} ms ${requestId ?? '-'}`)}`
}

export function givenLines({ env, taken, ignored }: Given): string[] {
  const set = Object.keys(env).filter((name) => !taken.includes(name))
  return [
    ...(taken.length > 0 ? [`from the environment: ${taken.join(', ')}`] : []),
    ...(set.length > 0 ? [`by --set: ${set.join(', ')}`] : []),
    ...(ignored.length > 0 ? [`not taken from the environment, only by --set: ${ignored.join(', ')}`] : []),
  ]
}

/** What a newcomer pastes: with the default port, to the letter what the README shows. */
export const callLines = (baseUrl: string, account: string): string[] => [
  `BASE=${baseUrl}`,
  `TOKEN=$(npm run --silent token -- ${account})`,
  `KEY=$(npm run --silent token -- --admin-key)`,
  `curl -sw '\\n' $BASE/admin/spot/balances/credit -H "X-API-Key: $KEY" -H 'Content-Type: application/json' \\`,
  `  -d '{"user_address":"${account}","token":"USDT","amount":"10000"}'`,
  `curl -sw '\\n' $BASE/spot/transfer -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\`,
  `  -d '{"token":"USDT","direction":"spot_to_perp","amount":"100"}'`,
  `curl -sw '\\n' $BASE/spot/balances -H "Authorization: Bearer $TOKEN"`,
]

export function readyLines(
  { baseUrl, wsUrl, accounts }: Manifest,
  seconds: string,
  quiet: boolean,
): string[] {
  const origin = new URL(baseUrl).origin
  const account = (accounts[0]?.address ?? '').toLowerCase()
  const link = (url: string) => paint(['cyan', 'underline'], url)
  return [
    '',
    `${paint(['bold', 'green'], 'Ready')} in ${seconds} s`,
    '',
    `  wallet page    ${link(`${origin}/`)}`,
    `  API reference  ${link(`${origin}/docs`)}`,
    `  API            ${link(baseUrl)}`,
    `  balance stream ${link(wsUrl)}`,
    `  health         ${link(`${origin}/health`)}`,
    '',
    'To paste into another terminal, in this folder:',
    '',
    ...callLines(baseUrl, account).map((line) => `  ${line}`),
    '',
    `  ${paint('bold', 'npm run demo')}      a withdrawal from login to the vault's payment, and one that comes back`,
    `  ${paint('bold', 'npm run settle')}    the cron function now, instead of at the next minute`,
    `  ${paint('bold', 'npm run verify')}    every invariant of the ledger, with its count of violations`,
    '',
    `Ctrl-C stops everything; data is kept (--reset forgets it). Full log: .local/functions.log`,
    ...(quiet ? [] : ['', 'Requests (--quiet leaves them out):']),
  ]
}
