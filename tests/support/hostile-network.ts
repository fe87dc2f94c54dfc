/** A network on which everything fails, and every failure quotes all that it was given: headers, body and address. */

export interface Sent {
  url: string
  body: string
}

/** What whoever answers may do with a request, by turns. */
const WAYS: ((quoted: string) => Response | Promise<Response>)[] = [
  (quoted) => {
    throw new TypeError(`Fetch API cannot load: ${quoted}`)
  },
  (quoted) => {
    const half = Math.floor(quoted.length / 2)
    const inner = Object.assign(new Error(quoted.slice(half)), { code: 'ECONNREFUSED', params: [quoted] })
    throw new Error(quoted.slice(0, half), { cause: inner })
  },
  (quoted) => {
    // A message that looks like the places below it, and a name and a code that are none.
    throw Object.assign(new Error(`failed\n    at ${quoted} (file.js:1:1)`), { name: quoted, code: quoted })
  },
  (quoted) =>
    Response.json({ message: quoted, code: '', detail: quoted, severity: 'FATAL' }, { status: 400 }),
  (quoted) => Response.json({ message: quoted, code: '28P01', detail: quoted }, { status: 400 }),
  (quoted) => new Response(`<html>${quoted}</html>`, { status: 400 }),
  (quoted) => new Response(`<html>${quoted}</html>`, { status: 502 }),
  (quoted) => new Response(quoted, { status: 200, headers: { 'Content-Type': 'application/json' } }),
  (quoted) => Response.json({ jsonrpc: '2.0', id: 1, error: { code: -32000, message: quoted } }),
  (quoted) => Response.json({ __type: quoted, message: quoted }, { status: 400 }),
  (quoted) =>
    new Response(null, {
      status: 302,
      headers: { Location: `https://x.example.com/?${encodeURIComponent(quoted.slice(0, 99))}` },
    }),
]

/** `fetch` on that network. `answers` may answer a request well instead. */
export function hostileFetch(sent: Sent[], answers: (request: Sent) => Response | undefined): typeof fetch {
  let turn = 0
  return async (input, init) => {
    const url = input instanceof Request ? input.url : String(input)
    const headers = [...new Headers(input instanceof Request ? input.headers : init?.headers)]
    const given = input instanceof Request ? await input.clone().text() : init?.body
    const body =
      given instanceof Uint8Array ? Buffer.from(given).toString() : typeof given === 'string' ? given : ''
    const request = { url, body }
    sent.push(request)
    const good = answers(request)
    if (good) return good
    turn += 1
    return await WAYS[turn % WAYS.length]!(JSON.stringify({ url, headers, body }))
  }
}
